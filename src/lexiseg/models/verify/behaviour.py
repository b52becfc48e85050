"""What a checkpoint does: its answers against those published for the same question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from lexiseg.io.image import read_image
from lexiseg.models.verify import alone, image_text, segmenter
from lexiseg.models.verify.outcome import CheckRow
from lexiseg.models.verify.published import KnownValue, PublishedTables
from lexiseg.models.verify.subject import Picture, Question, Subject

DIGITS = 6  # of numbers in the table
ROOMS = (image_text, segmenter, alone)
KINDS: Mapping[str, Question] = {
    kind: question for room in ROOMS for kind, question in room.QUESTIONS.items()
}


def check_behaviour(
    name: str, path: Path, pictures: Path | None, published: PublishedTables
) -> list[CheckRow]:
    """Ask a checkpoint everything that values are published for.

    What needs a picture that is not in the folder is left out; its row says where to get it.

    Args:
        name: of the checkpoint.
        path: file or folder of weights.
        pictures: a folder.
        published: the values.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ImageError: a picture cannot be read.
    """
    values = published.values_of(name)
    if not values:
        return [CheckRow("behaviour", "-", "-", "-", "nothing is published", "not published")]
    try:
        return [_row(value, path, pictures, published) for value in values]
    finally:
        for load in LOADERS:
            load.cache_clear()


def _row(
    value: KnownValue, path: Path, folder: Path | None, published: PublishedTables
) -> CheckRow:
    expected, tolerance = _numbers(value.expected), _tolerance(value)
    needed = [published.pictures[name] for name in value.pictures]
    files = [_find(one.files, folder) for one in needed]
    missing = [one for one, file in zip(needed, files, strict=True) if file is None]
    if missing:
        told = f"needs {' and '.join(one.files[0] for one in missing)}: {missing[0].where}"
        return CheckRow(value.check, expected, "-", tolerance, told, "not checked")
    looked_at = tuple(_read(file) for file in files if file)
    found = KINDS[value.kind](Subject(path, looked_at, value.inputs))
    close = _is_close(found, value)
    verdict = "ok" if close else "MISMATCH"
    return CheckRow(value.check, expected, _numbers(found), tolerance, value.source, verdict)  # type: ignore[arg-type]


def _is_close(found: Sequence[float], value: KnownValue) -> bool:
    """Whether all numbers lie within what is allowed."""
    if len(found) != len(value.expected):
        return False
    allowed = [value.tolerance + value.relative * abs(number) for number in value.expected]
    pairs = zip(found, value.expected, allowed, strict=True)
    return all(abs(here - there) <= most for here, there, most in pairs)


def _tolerance(value: KnownValue) -> str:
    relative = f" + {100 * value.relative:g} %" if value.relative else ""
    return f"{value.tolerance:g}{relative}" if value.tolerance or relative else "exact"


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.{DIGITS}g}" if value % 1 else f"{value:.0f}" for value in values)


def _find(names: Sequence[str], folder: Path | None) -> Path | None:
    files = (folder / name for name in names) if folder else ()
    return next((file for file in files if file.is_file()), None)


@cache
def _read(file: Path) -> Picture:
    return read_image(file)


# Networks and pictures stay while a checkpoint is asked.
LOADERS = (*(load for room in ROOMS for load in room.LOADERS), _read)
