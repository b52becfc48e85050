"""What lexiseg does inside other programs, tested with the programs themselves.

    python3 .ci/programs.py install        make their environment; says what cannot be installed
    python3 .ci/programs.py test [FILE]    run there the tests that FILE names, one a line

Each of these packages bounds the versions of many others, so they have an environment apart from
that of the other tests: the folder that LEXISEG_PROGRAMS_VENV names, or .venv-programs. A test
that fails there fails the run; one whose package is not there did not run, and is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("LEXISEG_PROGRAMS_VENV", ROOT / ".venv-programs")).resolve()
MISSING, PINNED = VENV / "missing.txt", VENV / "torch-constraint.txt"
os.environ["LEXISEG_VENV"] = str(VENV)
sys.path.insert(0, str(ROOT))
import start  # noqa: E402 - it reads the variable

TESTS = ("tests/integrations", "tests/io", "tests/ops/test_brush_rle.py")
SHOWN = ("cvat-sdk", "cvat-cli", "fiftyone", "label-studio-sdk", "ray", "s3fs", "moto", "duckdb")
HOW = ("-rps", "--no-header", "-n", "2", "--dist", "loadfile", "--durations", "8")
NO_TESTS = 5  # what pytest returns
OF_RAY = ("tests/integrations/test_ray_data.py", "tests/integrations/test_ray_evaluation.py")
PROBE = """
import ray
ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
assert ray.get(ray.remote(lambda: 7).remote()) == 7
"""


def install() -> None:
    """All programs at once, or as many as there are."""
    if not start.PYTHON.exists():
        venv.create(VENV, with_pip=True)
    # Older ones search for minutes for versions that go together.
    start.pip("install", "--upgrade", "pip", check=False)
    if not start.has_torch():
        start.install_torch()
    PINNED.write_text(f"torch=={start.installed_torch()}\n", encoding="utf-8")
    wanted, failed = requirements(), []
    if not pip_takes(*wanted):
        failed = [one for one in wanted if not pip_takes(one)]
    MISSING.write_text("".join(f"{one}\n" for one in failed), encoding="utf-8")
    if failed:
        pip_takes()


def requirements() -> list[str]:
    """The entries of the extra `programs`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries: list[str] = project["optional-dependencies"]["programs"]
    return entries


def pip_takes(*wanted: str) -> bool:
    """Whether the project can be installed with these; bytecode is made where it is needed."""
    command = ("install", "--no-compile", "-c", str(PINNED), "-e", str(ROOT), *wanted)
    return start.pip(*command, check=False) == 0


def test(named: str | None) -> int:
    """Run tests, say with what, and what did not run."""
    chosen = [f"@{Path(named).resolve()}"] if named else list(TESTS)
    # Each process has a Ray of its own, rather than the one that the other has started.
    os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", RAY_ADDRESS="local")
    print("\nTests inside the programs, with", ", ".join(map(version, SHOWN)), flush=True)
    if named and not Path(named).read_text(encoding="utf-8").strip():
        print("No test was left out; there is nothing to run.")
        return 0
    left_out = [] if ray_starts() else [f"--deselect={name}" for name in OF_RAY]
    done = subprocess.run(
        [str(start.PYTHON), "-m", "pytest", *HOW, *left_out, *chosen],
        cwd=ROOT,
        check=False,
    )
    for one in MISSING.read_text(encoding="utf-8").splitlines():
        print(f"Could not be installed here, and so was not tested: {one}")
    return 0 if done.returncode == NO_TESTS else done.returncode


def ray_starts() -> bool:
    """Whether a cluster of this machine alone answers: not every machine lets one start."""
    try:
        done = subprocess.run([str(start.PYTHON), "-c", PROBE], timeout=300, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        print("Ray does not start here, and so was not tested.")
        return False
    return True


def version(package: str) -> str:
    """Name and version, or that it is absent."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([str(start.PYTHON), "-c", code], capture_output=True, text=True)
    return f"{package} {done.stdout.strip() or '(absent)'}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["install"]:
            install()
        case ["test", *named] if len(named) < 2:
            sys.exit(test(named[0] if named else None))
        case _:
            sys.exit("Usage: python3 .ci/programs.py install | test [FILE]")
