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
    ("methods",),
    ("training", "evaluation"),
    ("analysis",),
    ("replication",),
    ("cli", "web"),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "lexiseg" or len(parts) < 2:
        return None
    if parts[1] == "methods" and len(parts) > 2:
        return ".".join(parts[1:3])
    return parts[1]


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def violations(path: Path, importer: str) -> list[str]:
    own = LEVEL[importer.split(".")[0]]
    wrong = []
    for module in imported_modules(path):
        room = room_of(module)
        if room is None or room == importer or room.split(".")[0] not in LEVEL:
            continue
        if LEVEL[room.split(".")[0]] >= own:
            wrong.append(f"{path.relative_to(SOURCE)} imports {module}")
    return wrong


def source_files() -> list[Path]:
    return [
        path for path in sorted(SOURCE.rglob("*.py")) if path.parent != SOURCE or path.stem in LEVEL
    ]


def module_name(path: Path) -> str:
    return ".".join(("lexiseg", *path.relative_to(SOURCE).with_suffix("").parts))


def test_every_folder_is_a_known_room() -> None:
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(LEVEL)


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_imports_run_downwards(path: Path) -> None:
    importer = room_of(module_name(path))
    assert importer is not None
    assert violations(path, importer) == []


def test_an_upward_import_would_be_caught(tmp_path: Path) -> None:
    bad = SOURCE / "ops" / "imaginary.py"
    sample = tmp_path / "imaginary.py"
    sample.write_text("from lexiseg.models import clip\n")
    wrong = [m for m in imported_modules(sample) if LEVEL[room_of(m) or ""] >= LEVEL["ops"]]
    assert wrong and not bad.exists()
