"""Text for people on stderr, so that stdout carries data only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from lexiseg.types import Recipe

ItemT = TypeVar("ItemT")


@dataclass
class State:
    """What the options before and behind the verb chose."""

    debug: bool = False
    quiet: bool = False


state = State()


def say(text: str) -> None:
    """One line for people; always shown."""
    with suppress(OSError):  # nobody listens
        print(text, file=sys.stderr, flush=True)


def emit(record: Mapping[str, object]) -> None:
    """One JSON object as a line on stdout, in letters that its encoding has."""
    try:
        print(json.dumps(record, ensure_ascii=False), flush=True)
    except UnicodeEncodeError:
        print(json.dumps(record), flush=True)


def warn(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line for people; takes the place of `warnings.showwarning`."""
    tell(f"warning: {' '.join(str(message).split())}")


def tell(text: str) -> None:
    """One line for people; hidden by ``--quiet``. Goes above a running progress bar."""
    if state.quiet:
        return
    from tqdm import tqdm

    with suppress(OSError):  # nobody listens
        tqdm.write(text, file=sys.stderr)


def caution(recipe: Recipe) -> None:
    """What one must know before one believes the answers, at the end of a run."""
    if recipe.caution:
        tell(f"note: {recipe.caution}")


def progress(items: Iterable[ItemT], total: int | None, unit: str) -> Iterator[ItemT]:
    """The items behind a progress bar; silent without a terminal or when quiet."""
    from tqdm import tqdm

    silent = state.quiet or not sys.stderr.isatty()
    yield from tqdm(items, total=total, unit=unit, disable=silent, file=sys.stderr)
