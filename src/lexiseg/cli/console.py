"""Text for people on stderr, so that stdout carries data only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

ItemT = TypeVar("ItemT")


@dataclass
class State:
    """What the options before and behind the verb chose."""

    debug: bool = False
    quiet: bool = False


state = State()


def say(text: str) -> None:
    """One line for people; always shown."""
    print(text, file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """One line for people; hidden by ``--quiet``. Goes above a running progress bar."""
    if state.quiet:
        return
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def progress(items: Iterable[ItemT], total: int | None, unit: str) -> Iterator[ItemT]:
    """The items behind a progress bar; silent without a terminal or when quiet."""
    from tqdm import tqdm

    silent = state.quiet or not sys.stderr.isatty()
    yield from tqdm(items, total=total, unit=unit, disable=silent, file=sys.stderr)
