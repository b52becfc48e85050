"""YOLO folders as the many tools that write them mean them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexiseg.errors import UsageError
from lexiseg.io.image import image_size, shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import finite_number, result_from_regions, whole_number
from lexiseg.io.yolo_folder import YoloFolder, YoloTable, is_yolo
from lexiseg.ops.polygons import Ring, rings_to_mask
from lexiseg.ops.shapes import box_ring
from lexiseg.types import Category, Instance, Mask, Origin, Result

_FARTHEST = 1.0  # shares beyond the picture; farther out, numbers are no shares


def read_yolo(
    folder: Path, context: ReadContext | None = None, table: Path | None = None
) -> Iterator[Result]:
    """Read a folder of pictures and label files, one result per picture.

    A line is a class, then a box (centre and size) or the corners of a polygon, as shares of
    width and height, then perhaps a score. Boxes become filled rectangles; turned boxes are
    polygons of four corners. A picture without label file, or with an empty one, is a result
    without regions: no name is counted as refused, as nothing says which were looked for.

    Args:
        folder: with ``data.yaml`` or a list of names.
        context: where pictures lie; its report tells what was left out.
        table: the ``data.yaml``, if it is not the folder's own.

    Raises:
        UsageError: there is no picture and no label file, or the table is damaged.
    """
    context = context or ReadContext()
    classes = YoloTable.find(folder, table)
    found = YoloFolder.open(folder, context.images)
    elsewhere = folder / classes.place
    if not found.labels and context.access.allows(elsewhere) and elsewhere.is_dir():
        found = YoloFolder.open(elsewhere, context.images)
    if not found.pictures and not found.labels:
        raise UsageError(
            f"{shown(folder)} holds neither pictures nor labels; expected folders images and "
            "labels, or give that of the pictures with --images."
        )
    if not classes.names:
        context.report.note(f"Nothing in {shown(folder)} names its classes; they get numbers.")
    reading = _YoloReading(classes, context)
    for pictures, label in found.pairs():
        yield from reading.results(pictures, label)


@dataclass
class _YoloReading:
    """One folder while it is read."""

    table: YoloTable
    context: ReadContext
    told_of_boxes: bool = False

    def results(self, pictures: list[Path], label: Path | None) -> Iterator[Result]:
        if label is not None and not pictures:
            self.context.skip("picture", "labels without picture", label)
        if len(pictures) > 1 and label is not None:
            names = ", ".join(path.name for path in pictures)
            self.context.report.note(f"{shown(label)} holds the labels of {names}.")
        for picture in pictures:
            result = None
            with self.context.entry(label or picture, "", "picture"):
                result = self._result(picture, label)
            if result is not None:
                yield result

    def _result(self, picture: Path, label: Path | None) -> Result:
        size_hw = image_size(picture)
        items: list[Instance] = []
        seen: set[str] = set()
        lines = label.read_text(encoding="utf-8-sig").splitlines() if label else []
        for number, line in enumerate(lines, start=1):
            if label is None or not line.strip():
                continue
            with self.context.entry(label, f"line {number}"):
                if line in seen:
                    raise EntryError("line that stands twice")
                seen.add(line)
                items.append(self._instance(line.split(), size_hw, label))
        categories = {name: Category(number) for number, name in self.table.names.items()}
        origin = Origin(categories=categories)
        return result_from_regions(size_hw, items, source="yolo", path=picture, origin=origin)

    def _instance(self, words: list[str], size_hw: tuple[int, int], label: Path) -> Instance:
        name = _class_name(words[0], self.table.names)
        values = [finite_number(word) for word in words[1:]]
        ring, score = self._shape(values, label)
        if np.abs(ring - 0.5).max() > 0.5 + _FARTHEST:
            raise EntryError("coordinates that are no shares", "expected 0 to 1")
        mask = Mask.from_array(rings_to_mask([ring * size_hw[::-1]], size_hw))
        if not mask.area:
            raise EntryError("empty shape", "it covers no pixel of the picture")
        return Instance(name, score, mask)

    def _shape(self, values: list[float], label: Path) -> tuple[Ring, float]:
        """The outline and the score; 1 where the line has none."""
        if self.table.keypoints and len(values) - 4 - self.table.keypoints in (0, 1):
            values = values[:4] + values[4 + self.table.keypoints :]
        if len(values) in (4, 5):
            self._tell_of_boxes(label)
            x, y, width, height, *score = values
            ring = box_ring(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        elif len(values) >= 6:
            corners = len(values) // 2 * 2
            ring, score = np.array(values[:corners]).reshape(-1, 2), values[corners:]
        else:
            raise EntryError("line of unknown form", f"{len(values)} numbers after the class")
        if score and not 0 <= score[0] <= 1:
            raise EntryError("line of unknown form", f"{score[0]:g} where a score would stand")
        return ring, score[0] if score else 1.0

    def _tell_of_boxes(self, label: Path) -> None:
        if not self.told_of_boxes:
            self.told_of_boxes = True
            self.context.report.note(
                f"{shown(label)} and perhaps others hold boxes; they are read as filled rectangles."
            )


def _class_name(word: str, names: Mapping[int, str]) -> str:
    """A class by its number, or by its name as some tools write it."""
    try:
        number = whole_number(word)
    except ValueError:
        if word in names.values():
            return word
        raise EntryError("unknown class", word[:40]) from None
    if not names:
        return f"class {number}"
    if number not in names:
        raise EntryError("unknown class", f"number {number}")
    return names[number]


def _recognises(source: Source) -> bool:
    if source.is_folder:
        return is_yolo(source.path)
    return source.path.suffix.lower() in (".yaml", ".yml")


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    table = None if source.is_folder else source.path
    return read_yolo(source.folder, context, table)


YOLO = Reader(_recognises, _read, rank=80)
