"""Splits of class names into groups, as data files that anyone can replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import yaml

from lexiseg.errors import UsageError

FOLDER = "data"
EXAMPLE = "expected 'about' (why) and 'groups' (name of a group: list of class names)"


def shipped_groups() -> tuple[str, ...]:
    """Names of the splits that come with the package, one per data set."""
    folder = files("lexiseg.analysis.tides") / FOLDER
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def load_groups(
    dataset: str, names: Sequence[str], file: Path | None = None
) -> Mapping[str, tuple[str, ...]]:
    """Which classes of a data set form which group.

    The split of the paper is in an appendix that is not public; those shipped are our own
    proposals, and each file says how it came about.

    Args:
        dataset: its name; one without a shipped split has no groups.
        names: of its classes.
        file: in place of the shipped split.

    Raises:
        UsageError: the file cannot be read, is laid out otherwise, or names unknown classes.

    Example:
        >>> "car" in load_groups("coco", ["car", "apple"])["non-uniform"]
        True
    """
    if file is not None:
        return _parse(_read(file), file, names)
    if dataset not in shipped_groups():
        return {}
    text = (files("lexiseg.analysis.tides") / FOLDER / f"{dataset}.yaml").read_text("utf-8")
    known = _parse(text, Path(f"{dataset}.yaml"), None)
    return {group: tuple(name for name in own if name in names) for group, own in known.items()}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Groups file {file} cannot be read ({error}); {EXAMPLE}.") from error


def _parse(text: str, file: Path, names: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"Groups file {file} is no YAML ({reason}); {EXAMPLE}.") from error
    groups = loaded.get("groups") if isinstance(loaded, dict) else None
    if not isinstance(groups, dict) or not all(isinstance(own, list) for own in groups.values()):
        raise UsageError(f"Groups file {file} has another layout; {EXAMPLE}.")
    split = {str(group): tuple(str(name) for name in own) for group, own in groups.items()}
    listed = [name for own in split.values() for name in own]
    unknown = sorted(set(listed) - set(names if names is not None else listed))
    if unknown:
        raise UsageError(
            f"Groups file {file} names {', '.join(unknown[:5])}, which the data set does not have."
        )
    if len(set(listed)) < len(listed):
        raise UsageError(f"Groups file {file} names a class twice; give each one group.")
    return split
