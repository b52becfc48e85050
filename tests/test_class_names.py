"""A class name means one thing: two rooms have public classes of one name only by exception."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.test_rooms import SOURCE, module_name, room_of

# Names that mean the same wherever they stand.
SHARED = {
    "Scene": "what a method's `encode` returns",
    "Preset": "a named choice of weights and settings of a method",
    "Question": "what a method asks about an image",
    "Parts": "what a method's pipeline works with",
}


def public_classes(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


def rooms_of_classes() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        if any(part.startswith("_") for part in path.relative_to(SOURCE).parts[:-1]):
            continue
        for name in public_classes(path):
            found[name].add(room_of(module_name(path)) or path.stem)
    return found


def test_a_class_name_belongs_to_one_room() -> None:
    several = {name: sorted(rooms) for name, rooms in rooms_of_classes().items() if len(rooms) > 1}
    assert {name: rooms for name, rooms in several.items() if name not in SHARED} == {}


def test_shared_names_are_really_shared_and_only_by_methods() -> None:
    rooms = rooms_of_classes()
    for name in SHARED:
        assert len(rooms[name]) > 1
        assert all(room.startswith("methods.") for room in rooms[name])
