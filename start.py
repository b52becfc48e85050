"""Set lexiseg up in a virtual environment of its own and run one thing.

    python3 start.py demo    install, then segment the bundled pictures (no network needed after)
    python3 start.py test    install with the test tools, then run the whole test suite

Needs nothing but Python 3.11 or newer. The environment is made in `.venv` beside this file;
the variable LEXISEG_VENV names another folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("LEXISEG_VENV", ROOT / ".venv"))
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path, check: bool = True) -> int:
    """Run a command of the environment; stop with its exit code when it must succeed."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if check and done.returncode:
        sys.exit(done.returncode)
    return done.returncode


def pip(*arguments: str, check: bool = True) -> int:
    """Call the environment's pip."""
    return run(PYTHON, "-m", "pip", "--disable-pip-version-check", "-q", *arguments, check=check)


def has_torch() -> bool:
    """True if the environment already has a working torch."""
    done = subprocess.run([str(PYTHON), "-c", "import torch"], capture_output=True, check=False)
    return done.returncode == 0


def install_torch() -> None:
    """Prefer the CPU build on a Linux PC without an NVIDIA GPU; elsewhere the default is right."""
    release = next(line for line in read_lines("constraints.txt") if line.startswith("torch=="))
    lonely_cpu = sys.platform == "linux" and shutil.which("nvidia-smi") is None
    if lonely_cpu:
        arguments = ("install", "--only-binary=:all:", f"{release}+cpu", "numpy>=2")
        quiet = subprocess.run(
            [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-q", *arguments],
            capture_output=True,
            check=False,
        )
        if quiet.returncode == 0:
            return
        print(
            f"No CPU build of {release} is offered by the configured package index; installing "
            "the default build, which may be large on Linux. To avoid that, set "
            "PIP_EXTRA_INDEX_URL to PyTorch's CPU index (see 'Get started' on pytorch.org).",
            file=sys.stderr,
        )
    if pip("install", release, "numpy>=2", check=False):
        pip("install", "torch>=2.6", "numpy>=2")


def read_lines(name: str) -> list[str]:
    """Lines of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def installed_torch() -> str:
    """The exact installed version, so that nothing below replaces it."""
    code = "from importlib.metadata import version; print(version('torch'))"
    done = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def set_up(extras: str) -> None:
    """Make the environment, then install torch and the project."""
    if not PYTHON.exists():
        print(f"Making a virtual environment in {VENV} ...", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    if not has_torch():
        print("Installing torch (a few minutes on a slow line) ...", file=sys.stderr)
        install_torch()
    pinned = VENV / "torch-constraint.txt"
    pinned.write_text(f"torch=={installed_torch()}\n", encoding="utf-8")
    print("Installing lexiseg ...", file=sys.stderr)
    pip("install", "-c", str(pinned), "-e", f".{extras}")


def demo() -> None:
    """Install and segment the bundled pictures."""
    set_up("")
    run(PYTHON, "-m", "lexiseg", "demo", "--out", ROOT / "demo-output", "--overwrite")


def test() -> None:
    """Install with the test tools and run every check."""
    set_up("[dev]")
    os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", NO_MKDOCS_2_WARNING="1")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")
    run(PYTHON, "-m", "mypy")
    run(PYTHON, "-m", "mkdocs", "build", "--strict", "-d", VENV / "site")
    run(PYTHON, "-m", "pytest", "-n", "2")


def main() -> None:
    """Run the verb given on the command line."""
    verbs = {"demo": demo, "test": test}
    if sys.version_info < (3, 11):  # noqa: UP036 - runs before anything is installed
        sys.exit("lexiseg needs Python 3.11 or newer.")
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        sys.exit("Usage: python3 start.py demo | test")
    verbs[sys.argv[1]]()


if __name__ == "__main__":
    main()
