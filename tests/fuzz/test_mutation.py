"""The damage itself: repeatable, and it does change files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.mutation import damage


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.png"])
def test_one_seed_is_one_damage_and_seeds_differ(name: str, tmp_path: Path) -> None:
    content = b'{"size": [4, 6], "names": {"1": "dog"}}\n'
    found = []
    for seed in (*range(20), *range(20)):
        path = tmp_path / name
        path.write_bytes(content)
        damage(path, random.Random(seed))
        found.append(path.read_bytes())
    assert found[:20] == found[20:]
    assert len(set(found)) > 10 and content not in found[:3]
