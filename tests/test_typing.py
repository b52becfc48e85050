"""How often the source says `Any`, which switches checking off."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.test_rooms import SOURCE

# Occurrences per 1,000 lines; this bound follows the source down and never goes up.
MOST = 3.0


def occurrences(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))


def test_any_is_rare() -> None:
    paths = sorted(SOURCE.rglob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
    counts = {path.relative_to(SOURCE): occurrences(path) for path in paths}
    worst = sorted(counts.items(), key=lambda item: -item[1])[:10]
    assert 1000 * sum(counts.values()) / lines <= MOST, worst
