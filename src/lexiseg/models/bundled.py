"""The small weights that travel inside the package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from lexiseg.errors import WeightsNotFoundError

FOLDER = "weights_mini"


@dataclass(frozen=True)
class BundledNames:
    """What the bundled weights know.

    Attributes:
        things: nouns of countable things, in the order of training.
        stuff: names of what lies behind them.
    """

    things: tuple[str, ...]
    stuff: tuple[str, ...]


@lru_cache(maxsize=1)
def bundled_names() -> BundledNames:
    """The names that the bundled weights were trained on.

    Example:
        >>> "grass" in bundled_names().stuff, "dog" in bundled_names().things
        (True, True)
    """
    entries = json.loads(names_file().read_text(encoding="utf-8"))
    return BundledNames(tuple(entries["things"]), tuple(entries["stuff"]))


def names_file() -> Path:
    """Where these names lie."""
    return _root() / "names.json"


def _root() -> Path:
    return Path(str(resources.files(__package__))) / FOLDER


def bundled_weights() -> dict[str, Path]:
    """Name -> folder of every bundled checkpoint.

    Example:
        >>> all((folder / "config.json").exists() for folder in bundled_weights().values())
        True
    """
    root = _root()
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return {f"mini-{entry.name}": entry for entry in folders if (entry / "config.json").is_file()}


def bundled_or_given(source: str | Path) -> str | Path:
    """The folder of bundled weights where a name stands for some, else the source as it is.

    Raises:
        WeightsNotFoundError: the name is of the bundled kind, but this installation has none such.
    """
    is_bundled = str(source).startswith("mini-") or str(source) in bundled_weights()
    return bundled_folder(str(source)) if is_bundled else source


def bundled_folder(name: str) -> Path:
    """The folder of one bundled checkpoint.

    Args:
        name: as `bundled_weights` lists it, e.g. ``"mini-clip-proposal"``.

    Raises:
        WeightsNotFoundError: this installation was built without it.
    """
    known = bundled_weights()
    if name not in known:
        raise WeightsNotFoundError(
            f"This installation has no bundled weights named {name!r} (it has: "
            f"{', '.join(known) or 'none'}); install the released package."
        )
    return known[name]
