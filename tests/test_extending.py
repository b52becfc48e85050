"""The page on extending is run as an installed package would be, outside of lexiseg."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def entry_points() -> str:
    """What an installer would write for the page's TOML."""
    groups = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]
    parts = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in groups.items()
    )
    return "\n".join(parts)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the page's files."""
    folder = tmp_path_factory.mktemp("site")
    for code in blocks("python"):
        named = re.match(r"# (lexiseg_extras/\w+\.py)\n", code)
        if named:
            path = folder / named[1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
    (folder / "lexiseg_extras" / "__init__.py").touch()
    installed = folder / "lexiseg_extras-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: lexiseg-extras\nVersion: 1.0")
    (installed / "entry_points.txt").write_text(entry_points(), encoding="utf-8")
    return folder


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def used(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything that the page does with its files was done."""
    folder = tmp_path_factory.mktemp("used")
    code = "\n".join(block for block in blocks("python") if not block.startswith("# lexiseg_ex"))
    done = run(site, folder, "-c", code)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_part_is_one_file(site: Path) -> None:
    files = {path.stem for path in (site / "lexiseg_extras").glob("*.py")} - {"__init__"}
    assert files == {"scorer", "writer", "reader", "dataset", "method"}


def test_page_runs(used: Path) -> None:
    assert list((used / "out").glob("*.boxes.tsv"))


def test_parts_work_on_the_command_line(site: Path, used: Path) -> None:
    measured = run(
        site, used, "-m", "lexiseg", "evaluate", "colors", "--dataset", "my-maps", "--data", "data",
        "--preset", "paper",
    )  # fmt: skip
    assert measured.returncode == 0, measured.stderr
    assert "| miou | 100.0 |" in measured.stdout
    asked = run(
        site, used, "-m", "lexiseg", "segment", "data/images/a.png", "-t", "red", "--method",
        "colors", "--preset", "paper", "-o", "answer", "--format", "boxes",
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert (used / "answer" / "a.boxes.tsv").is_file()
    turned = run(site, used, "-m", "lexiseg", "convert", "out", "--to", "json", "-o", "turned")
    assert turned.returncode == 0, turned.stderr


def test_a_reader_that_fails_costs_its_entry_only(site: Path, tmp_path: Path) -> None:
    (tmp_path / "a.boxes.tsv").write_text("4\t4\ndog\t0.5\t0\t0\t2\t2\ncat\tlikely\t0\t0\t1\t1\n")
    code = (
        "import lexiseg; reading = lexiseg.read('a.boxes.tsv'); [found] = reading; "
        "print(found.instances.labels, reading.report.summary())"
    )
    done = run(site, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "dog" in done.stdout and "1" in done.stdout and "cat" not in done.stdout.split("]")[0]
