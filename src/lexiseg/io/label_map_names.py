"""Names and colours of the numbers in a label map, from the lists that stand beside such maps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.io.image import shown
from lexiseg.io.reading import MalformedFile, read_json, whole_number

_FILES = (
    *("labelmap.txt", "classes.txt", "labels.txt", "names.txt", "class_names.txt"),
    *("classes.json", "labels.json", "names.json", "class_names.json"),
)
_BACKGROUND = frozenset({"background", "_background_", "__background__", "unlabeled", "other"})
_NUMBERED = re.compile(r"(\d+)\s*[:;,\t ]\s*(\S.*)")
_COLOURED = re.compile(r"([^:]+):(\d+),(\d+),(\d+):.*")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelMapNames:
    """What the numbers of label maps mean.

    Args:
        names: by number; without 0 and without names that stand for background.
        colours: of maps that show classes by colour, the number of each.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[Colour, int] = field(default_factory=dict)

    @classmethod
    def find(cls, *folders: Path) -> LabelMapNames:
        """From the first list of names in some folders; no names if there is none.

        Raises:
            UsageError: the list is damaged.
        """
        places = (folder / name for folder in folders for name in _FILES)
        path = next((place for place in places if place.is_file()), None)
        return cls() if path is None else cls.read(path)

    @classmethod
    def read(cls, path: Path) -> LabelMapNames:
        """One list: names by line, ``number name``, ``name:r,g,b::`` (CVAT), or JSON.

        Lines without numbers count from 0 if the first is background, else from 1; labelme's
        ``__ignore__`` before it counts for nothing.

        Raises:
            UsageError: it is damaged.
        """
        with MalformedFile(path, "a list of class names"):
            if path.suffix == ".json":
                return cls(_without_background(_from_json(read_json(path))))
            lines = [line.strip() for line in _text(path).splitlines()]
            lines = [line for line in lines if line and not line.startswith("#")]
            if coloured := [match for line in lines if (match := _COLOURED.fullmatch(line))]:
                return cls._coloured(coloured)
            return cls(_without_background(_from_lines(lines)))

    @classmethod
    def _coloured(cls, lines: list[re.Match[str]]) -> LabelMapNames:
        table = {number: (line[1], line) for number, line in enumerate(lines)}
        colours = {(int(m[2]), int(m[3]), int(m[4])): number for number, (_, m) in table.items()}
        names = {number: name for number, (name, _) in table.items()}
        if names.get(0, "").casefold() not in _BACKGROUND:  # a number of its own for each name
            names = {number + 1: name for number, name in names.items()}
            colours = {colour: number + 1 for colour, number in colours.items()}
        return cls(_without_background(names), {(0, 0, 0): 0} | colours)


def _from_json(content: object) -> dict[int, str]:
    if isinstance(content, list):
        return _from_lines([str(name) for name in content])
    if not isinstance(content, dict):
        raise ValueError("expected a list of names or a mapping from numbers")
    pairs = content.get("names", content)
    if isinstance(pairs, list):
        return _from_lines([str(name) for name in pairs])
    try:
        return {whole_number(number): str(name) for number, name in pairs.items()}
    except ValueError:
        return {whole_number(number): str(name) for name, number in pairs.items()}


def _from_lines(lines: list[str]) -> dict[int, str]:
    numbered = [match for line in lines if (match := _NUMBERED.fullmatch(line))]
    if lines and len(numbered) == len(lines):
        return {int(match[1]): match[2].strip() for match in numbered}
    lines = [line for line in lines if line != "__ignore__"]
    first = 0 if lines and lines[0].casefold() in _BACKGROUND else 1
    return dict(enumerate(lines, start=first))


def _without_background(names: Mapping[int, str]) -> dict[int, str]:
    return {number: name for number, name in names.items() if number != 0}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read; expected UTF-8 text.") from error


def voc_colours() -> dict[Colour, int]:
    """The colour that PASCAL VOC's development kit gives to each number from 0 to 255.

    The bits of a number become, from its lowest on and three at a time, the upper bits of red,
    green and blue (VOCdevkit, ``VOClabelcolormap``).
    """
    numbers: NDArray[np.int64] = np.arange(256)
    colours = np.zeros((256, 3), np.int64)
    for place in range(8):
        for channel in range(3):
            bit = numbers >> (3 * place + channel) & 1
            colours[:, channel] |= bit << (7 - place)
    return {(r, g, b): number for number, (r, g, b) in enumerate(colours.tolist())}
