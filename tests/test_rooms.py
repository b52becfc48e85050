"""Imports run downwards only: the import statements themselves are the evidence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lexiseg

SOURCE = Path(lexiseg.__file__).parent
# Lowest row first. Rooms of one row do not import each other.
ROWS = (
    ("errors",),
    ("registry", "config"),
    ("types",),
    ("ops",),
    ("datasets", "metrics", "io"),
    ("models",),
    ("scorers", "captioners"),
    ("methods.base", "methods.parts"),  # what all methods share
    ("methods",),
    ("training", "evaluation"),
    ("analysis",),
    ("replication",),
    ("lexiseg",),  # the package's own names: `import lexiseg`, `from lexiseg import load`
    ("web", "integrations"),  # the library as a service, and inside other programs
    ("cli",),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}


def room_of(module: str) -> str | None:
    """The room that a module or an imported name belongs to; None if it is not of lexiseg."""
    top, *below = module.split(".")
    if top != "lexiseg":
        return None
    if below[:1] == ["methods"] and len(below) > 1:
        return f"methods.{below[1]}"
    return below[0] if below and below[0] in LEVEL else "lexiseg"


def level_of(room: str) -> int:
    return LEVEL.get(room, LEVEL[room.split(".")[0]])


def imported_names(source: str) -> Iterator[str]:
    """Full names of what a program imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            # `import lexiseg.ops` binds lexiseg, and with it every name the package has.
            yield from (
                alias.name if alias.asname else alias.name.split(".")[0] for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(source: str, importer: str) -> list[str]:
    """Names that a program of the room `importer` imports and must not."""
    rooms = {name: room_of(name) for name in imported_names(source)}
    return [
        name
        for name, room in rooms.items()
        if room not in (None, importer) and level_of(room) >= level_of(importer)
    ]


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def source_files() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__main__.py"]


def test_every_folder_is_a_known_room() -> None:
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(LEVEL)


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    importer = room_of(module_name(path))
    assert importer is not None
    assert violations(path.read_text(encoding="utf-8"), importer) == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("ops", "from lexiseg.models import clip"),  # upwards
        ("ops", "from lexiseg.models.clip import Clip as Tower"),
        ("ops", "def late():\n    from lexiseg.models.clip import Clip"),
        ("io", "from lexiseg import metrics"),  # the same row
        ("methods.car", "from lexiseg.methods.tides import Tides"),
        ("methods.car", "from lexiseg.methods import tides"),
        ("ops", "import lexiseg.models.clip as towers"),
        ("ops", "import lexiseg"),  # all names of the package
        ("replication", "import lexiseg"),
        ("models", "from lexiseg import load"),
        ("models", "from lexiseg import __version__"),
    ],
)
def test_another_import_would_be_caught(importer: str, source: str) -> None:
    assert len(violations(source, importer)) == 1


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("models", "from lexiseg.ops.crf import DenseCrf"),
        ("methods.car", "from lexiseg.methods.car.config import CarConfig"),
        ("methods.car", "import lexiseg.ops.crf as crf"),
        ("cli", "import lexiseg"),
        ("ops", "import torch"),
    ],
)
def test_what_runs_downwards_is_let_through(importer: str, source: str) -> None:
    assert violations(source, importer) == []
