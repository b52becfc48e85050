"""Seeded damage to files: hostile values in JSON and text, broken bytes in everything else."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e9, -1e9, 2e7, 1e308, 2**31, 2**63, 2**64),
    *(-(2**63), 10**30, float("nan"), float("inf"), float("-inf")),
    *("", "x", "0", "-1", "1e400", "nan", "a/b", "..", "/", "\\", "\0", "\ud800", "é" * 300),
    *([], {}, [[]], [None], [{}], {"": None}, [0], [1, 2], [[1, 2], [3]], {"size": [0, 0]}),
)
_DEEP = {"five deep": 5, "too deep": 50_000}  # texts that become lists in lists
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
_TEXT_VALUES = (b"", b"-1", b"nan", b"inf", b"1e308", b"99999999999999999999", b"2e7", b"x", b"\0")


def damage(path: Path, rng: random.Random) -> None:
    """Change one file in place in one to three ways that suit what it holds."""
    content = path.read_bytes()
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(_ways(path))(content, rng)
    path.write_bytes(content)


def _ways(path: Path) -> list[Callable[[bytes, random.Random], bytes]]:
    if path.suffix == ".json":
        return [_json_value] * 9 + [_broken_bytes]
    if path.suffix == ".jsonl":
        return [_json_line] * 9 + [_broken_bytes]
    if path.suffix in (".txt", ".csv", ".yaml", ".xml"):
        return [_text_number, _text_line, _broken_bytes]
    return [_broken_bytes]


def _json_value(content: bytes, rng: random.Random) -> bytes:
    try:
        root = json.loads(content)
    except (ValueError, RecursionError):
        return _broken_bytes(content, rng)
    places = list(_places(root))
    if not places:
        return json.dumps(rng.choice(HOSTILE)).encode()
    parent, key = rng.choice(places)
    _change(parent, key, rng)
    text = json.dumps(root)
    for mark, depth in _DEEP.items():
        text = text.replace(json.dumps(mark), "[" * depth + "]" * depth)
    return text.encode()


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) of a JSON value."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _change(parent: Any, key: Any, rng: random.Random) -> None:
    kind = rng.randrange(10)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = [parent[key]]
    elif kind == 2:
        parent[key] = rng.choice(tuple(_DEEP))
    elif kind == 3 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), parent[key])
    elif kind == 4 and isinstance(parent[key], list):
        parent[key] = parent[key][:1]
    elif kind == 5 and isinstance(parent[key], int | float):
        parent[key] = str(parent[key])
    else:
        parent[key] = rng.choice(HOSTILE)


def _json_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines()
    place = rng.randrange(len(lines)) if lines else 0
    lines[place : place + 1] = [_json_value(lines[place] if lines else b"", rng)]
    return b"\n".join(lines)


def _text_number(content: bytes, rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return _text_line(content, rng)
    match = rng.choice(found)
    return content[: match.start()] + rng.choice(_TEXT_VALUES) + content[match.end() :]


def _text_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return b"\xff"
    place = rng.randrange(len(lines))
    lines[place : place + 1] = rng.choice(
        ([], [lines[place]] * 2, [lines[place][: len(lines[place]) // 2]], [b"\n"], [b": [\n"])
    )
    return b"".join(lines)


def _broken_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0 or not changed:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    place = rng.randrange(len(changed))
    if kind == 1:
        changed[place] = rng.randrange(256)
    elif kind == 2:
        del changed[place : place + rng.randint(1, 9)]
    else:
        changed[place:place] = rng.randbytes(rng.randint(1, 9))
    return bytes(changed)
