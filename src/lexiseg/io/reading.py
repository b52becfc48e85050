"""What the readers of result files share: safe parsing, and building a `Result` from regions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lexiseg.errors import LexisegError, UsageError, in_one_line
from lexiseg.io.image import MAX_PIXELS, shown
from lexiseg.types import Instance, Instances, Origin, Presence, PresenceTrace, Recipe, Result

Entry = Mapping[str, Any]
"""An object of a JSON file; what it holds shows when it is read, within a `MalformedFile`."""


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        UsageError: it is absent or not JSON.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig", "surrogatepass"))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{shown(path)} cannot be read ({reason}); check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown(path)} is not a JSON file ({in_one_line(error)}).") from error


MALFORMED = (
    *(KeyError, TypeError, ValueError, IndexError, AttributeError),
    *(OSError, OverflowError, RecursionError),
)
"""What parsing code raises on content of the wrong form."""


def checked_size(height: object, width: object) -> tuple[int, int]:
    """(height, width) of a picture as a file states it, within what this machine may hold.

    Raises:
        ValueError: below one pixel, or above `MAX_PIXELS`.
    """
    size_hw = (whole_number(height), whole_number(width))
    if min(size_hw) < 1 or size_hw[0] * size_hw[1] > MAX_PIXELS:
        raise ValueError(f"a picture of {size_hw[1]}x{size_hw[0]} pixels")
    return size_hw


def whole_number(value: object) -> int:
    """A whole number, also where a file writes it as 480.0 or "480".

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r:.40} is no whole number")
    number = float(value)
    if not number.is_integer() or abs(number) > 2**53:
        raise ValueError(f"{value!r:.40} is no whole number")
    return int(number)


def finite_number(value: object) -> float:
    """A number, also where a file writes it as text.

    Raises:
        ValueError: it is none, not finite, or too large for any use.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r:.40} is no number")
    number = float(value)
    if not abs(number) < 2**53:
        raise ValueError(f"{value!r:.40} is no usable number")
    return number


class MalformedFile:
    """Context that turns a missing key or a wrong type into one sentence about the file.

    Args:
        path: the file being read.
        expected: what it should be, e.g. "a COCO detection file".
    """

    def __init__(self, path: Path, expected: str) -> None:
        self._path, self._expected = path, expected

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LexisegError) and shown(self._path) not in str(error):
            raise UsageError(f"{shown(self._path)}: {in_one_line(error)}") from error
        if isinstance(error, MALFORMED):
            raise UsageError(
                f"{shown(self._path)} is not {self._expected} ({type(error).__name__}: "
                f"{in_one_line(error)})."
            ) from error


def result_from_regions(
    size_hw: tuple[int, int],
    items: Iterable[Instance],
    *,
    source: str,
    path: Path | None = None,
    names: Sequence[str] = (),
    scores: Mapping[str, float] | None = None,
    origin: Origin | None = None,
) -> Result:
    """A result for regions that a file holds without saying how the decision fell.

    Args:
        size_hw: (height, width) in pixels.
        items: the regions.
        source: name of the file format, kept as the recipe's preset.
        path: the picture.
        names: what the file says was looked for, found or not; labels of regions are added. A
            name of it without a region counts as refused, so a mere table of classes, which
            says nothing about this picture, does not belong here.
        scores: of names without a region, where the file tells; 0 by default.
        origin: numbers and names as the file has them.
    """
    regions = tuple(items)
    best: dict[str, float] = {}
    for item in regions:
        best[item.label] = max(item.score, best.get(item.label, 0.0))
    asked = tuple(dict.fromkeys([*names, *best]))
    refused = dict.fromkeys(asked, 0.0) | dict(scores or {})
    presence = PresenceTrace(
        [_presence(name, best.get(name), refused[name], source) for name in asked]
    )
    recipe = Recipe(method="file", preset=source)
    return Result(
        size_hw, asked, Instances(regions, size_hw), presence, recipe, path, origin=origin
    )


def _presence(name: str, score: float | None, refused: float, source: str) -> Presence:
    if score is None:
        return Presence(name, refused, False, f"no region in the {source} file")
    return Presence(name, score, True, f"read from a {source} file")
