"""Frozen settings: override by name, print, read from a file."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lexiseg.errors import UnknownNameError, UsageError

ConfigT = TypeVar("ConfigT")
EntryT = TypeVar("EntryT")


def override(config: ConfigT, changes: Mapping[str, object]) -> ConfigT:
    """A copy of a frozen dataclass with some fields replaced; nested fields are dotted.

    Args:
        config: a dataclass instance.
        changes: field name (or ``"crf.iterations"``) -> value.

    Raises:
        UnknownNameError: no such field.
        UsageError: the value has the wrong type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Box:
        ...     side: float = 1.0
        >>> override(Box(), {"side": 2})
        Box(side=2.0)
    """
    fields = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(type(config))
    values: dict[str, object] = {}
    for key, value in changes.items():
        name, _, rest = key.partition(".")
        nested = name in fields and dataclasses.is_dataclass(getattr(config, name))
        if name not in fields or (rest and not nested):
            raise UnknownNameError("option", key, option_names(config))
        if rest:
            values[name] = override(values.get(name, getattr(config, name)), {rest: value})
        else:
            values[name] = _coerce(name, value, hints[name])
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def option_names(config: object) -> list[str]:
    """Every name that `override` takes; those of nested settings are dotted."""
    names = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        inner = option_names(value) if dataclasses.is_dataclass(value) else []
        names += [f"{field.name}.{name}" for name in inner] or [field.name]
    return names


def _coerce(name: str, value: object, hint: object) -> object:
    """Give `value` the field's type where that is safe, else explain."""
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    for option in options:
        done, result = _fit(value, option)
        if done:
            return result
    raise UsageError(f"Option {name!r} was given {value!r}; expected {_expected(hint)}.")


def _expected(hint: object) -> str:
    """A type for a message; of a few allowed values, the values."""
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    return getattr(hint, "__name__", None) or str(hint).replace("typing.", "")


def _is_union(hint: object) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _fit(value: object, hint: object) -> tuple[bool, object]:
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return value in typing.get_args(hint), value
    if origin is tuple and isinstance(value, list | tuple):
        item = typing.get_args(hint)[0]
        fitted = [_fit(entry, item) for entry in value]
        return all(done for done, _ in fitted), tuple(entry for _, entry in fitted)
    if hint is Any or (isinstance(hint, type) and origin is None and _exact(value, hint)):
        return True, value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return True, float(value)
    return False, value


def _exact(value: object, hint: type) -> bool:
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, hint)


def look_up(kind: str, table: Mapping[str, EntryT], name: str) -> EntryT:
    """An entry of a table of presets, variants or the like.

    Args:
        kind: what the table holds, for the message.
        table: name -> entry.
        name: which one.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in table:
        raise UnknownNameError(kind, name, table)
    return table[name]


def split_options(
    options: Mapping[str, object], prefix: str
) -> tuple[dict[str, object], dict[str, object]]:
    """Options of a method, and those of one of its parts, which are given after a prefix.

    Example:
        >>> split_options({"bins": 20, "scorer.surgery": "single"}, "scorer.")
        ({'bins': 20}, {'surgery': 'single'})
    """
    own = {name: value for name, value in options.items() if not name.startswith(prefix)}
    part = {name: value for name, value in options.items() if name.startswith(prefix)}
    return own, {name.removeprefix(prefix): value for name, value in part.items()}


def check_ranges(config: object, *ranges: tuple[str, float, float]) -> None:
    """Check that fields lie within (name, low, high); one that is None is not set.

    Raises:
        UsageError: the first that does not.
    """
    for name, low, high in ranges:
        value = getattr(config, name)
        if value is not None and not low <= value <= high:
            raise UsageError(f"Option {name!r} was given {value}; expected {low} to {high}.")


def check_templates(templates: Sequence[str]) -> None:
    """Check that there are sentences, each with room for a name.

    Raises:
        UsageError: there are none, or one has no room.
    """
    if not templates or not all("{}" in template for template in templates):
        raise UsageError("Every template needs {} where the name goes, e.g. 'a photo of a {}.'")


def to_dict(config: object) -> dict[str, object]:
    """The settings as plain nested dictionaries and lists, as JSON would give them back.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Box:
        ...     sides: tuple[int, ...] = (1, 2)
        >>> to_dict(Box())
        {'sides': [1, 2]}
    """
    if not dataclasses.is_dataclass(config):
        raise UsageError(f"Settings are a dataclass; got {type(config).__name__}.")
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


def read_mapping(path: str | Path, kind: str, form: str, duty: str) -> dict[str, Any]:
    """The mapping that a YAML file holds; JSON is YAML too.

    Args:
        path: of the file, in UTF-8.
        kind: what to call the file in errors.
        form: what its content is called there.
        duty: what it must do, for a file that holds no mapping.

    Raises:
        UsageError: the file is absent, malformed or no mapping.
    """
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{kind} file {path} cannot be read ({error.strerror}); check the path."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{kind} file {path} is not valid {form} ({yaml_problem(error)}); mend it."
        ) from error
    if not isinstance(loaded, dict):
        raise UsageError(f"{kind} file {path} must {duty}.")
    return loaded


def read_overrides(path: str | Path) -> dict[str, object]:
    """Settings of a YAML file as a flat mapping for `override`.

    Raises:
        UsageError: the file is absent or not a mapping.
    """
    loaded = read_mapping(path, "Settings", "YAML", "hold a mapping of option to value")
    return flatten(loaded)


def yaml_problem(error: Exception) -> str:
    """What is wrong with a YAML file and in which line, without an excerpt of it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings as the dotted names that `override` takes.

    Example:
        >>> flatten({"theta": 0.3, "crf": {"iterations": 5}})
        {'theta': 0.3, 'crf.iterations': 5}
    """
    flat: dict[str, object] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat
