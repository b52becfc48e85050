"""For every option of a config another value that it accepts."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from lexiseg.registry import SCORERS


def options(config: Any, prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Dotted name of every option, and values to try in place of its own."""
    hints = typing.get_type_hints(type(config))
    for field in fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from options(value, f"{name}.")
        else:
            yield name, [v for v in others(value, hints[field.name]) if v != value]


def others(value: Any, hint: Any) -> list[Any]:
    """Values of a type, most of them near the given one."""
    kind, arguments = typing.get_origin(hint), typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        known = [value, *(sample(one) for one in arguments)]
        return [v for one in arguments for own in known for v in _of(own, one)]
    return _of(value, hint) if kind is typing.Literal or arguments else others_plain(value, hint)


def _of(value: Any, hint: Any) -> list[Any]:
    kind, arguments = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return list(arguments)
    if kind is tuple:
        own = tuple(value) if isinstance(value, tuple) else ()
        item = arguments[0]
        first = own[0] if own else sample(item)
        more = [(*own, v) for v in others(first, item) if v not in own]
        return [*more, own[:-1]] if len(own) > 1 else more
    return others_plain(value, hint)


def others_plain(value: Any, hint: Any) -> list[Any]:
    if hint is type(None):
        return [None]
    if hint is bool:
        return [not value]
    if hint in (int, float):
        number = value if isinstance(value, int | float) else sample(hint)
        near = [number + 1, number - 1, number * 2, number // 2, 1, 4]
        parts = [number * 0.9, number + 0.05, 0.5, 0.1]
        return [hint(v) for v in (near if hint is int else [*parts, *near])]
    if hint is str and isinstance(value, str):
        return [f"{value}!", f"a {value}", *SCORERS]
    return []


def sample(hint: Any) -> Any:
    """A value of a type."""
    kind, arguments = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return arguments[0]
    if kind is tuple:
        return (sample(arguments[0]),)
    samples: dict[Any, Any] = {str: "a {} here", int: 3, float: 0.25, bool: True, Path: None}
    return samples.get(hint)
