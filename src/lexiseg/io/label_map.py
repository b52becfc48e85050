"""Label maps of other tools: PNG files with a class per pixel, and a list of names or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.io.image import SUFFIXES, read_image
from lexiseg.io.index_png import read_label_png
from lexiseg.io.label_map_names import LabelMapNames, voc_colours
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import checked_size, result_from_regions
from lexiseg.types import Category, Instance, Mask, Origin, Result

_MAP_FOLDERS = (
    *("SegmentationClass", "annotations", "annotations/*", "masks", "mask", "labels", "label"),
    *("gt", "ground_truth", "segmentations"),
)
_PICTURE_FOLDERS = ("JPEGImages", "images", "image", "img", "imgs", "photos")
_ENDINGS = ("", "_mask", "-mask", ".mask", "_seg", "_segmentation", "_label", "_labels", "_gt")
_VOID = (255, 65535)
_NOT_JUDGED = -1  # stands for void among the numbers of classes
_VOC_OUTLINE = (224, 224, 192)
_CLASS = "class {}"
_MOST_CLASSES = 200  # in one grey map; what holds more is a photograph


def read_label_maps(
    maps: list[Path], context: ReadContext | None = None, *more_folders: Path
) -> Iterator[Result]:
    """Read label maps, one result each; every number becomes one region.

    0 is background; 255 (65535 in 16 bits) is void, unless a grey map holds nothing else than 0
    and 255, which then is a mask of one object. Colours are looked up in CVAT's
    ``labelmap.txt``, else in PASCAL VOC's table. Numbers without a name are called ``class 7``.

    Args:
        maps: PNG files of one folder.
        context: where pictures lie; its report tells what was left out.
        more_folders: where names and pictures may lie besides the folder of the maps.

    Raises:
        UsageError: a list of names is damaged.
    """
    context = context or ReadContext()
    beside = (*list(maps[0].parents)[:3], *more_folders) if maps else ()
    names = LabelMapNames.find(*dict.fromkeys(beside))
    reading = _LabelMaps(names, tuple(dict.fromkeys(beside)), context)
    return context.each(maps, reading.result)


@dataclass(frozen=True)
class _LabelMaps:
    """Maps while they are read."""

    table: LabelMapNames
    folders: tuple[Path, ...]
    context: ReadContext

    def result(self, path: Path) -> Result:
        numbers, unnamed = self._numbers(path)
        present = np.unique(numbers[numbers > 0]).tolist()
        void = numbers == _NOT_JUDGED
        if len(present) > _MOST_CLASSES:
            raise EntryError("grey picture and no label map", f"{len(present)} numbers")
        items = [
            Instance(self.table.names.get(number, unnamed.format(number)), 1.0, mask)
            for number in present
            for mask in [Mask.from_array(numbers == number)]
        ]
        categories = {name: Category(number) for number, name in self.table.names.items()}
        return result_from_regions(
            checked_size(*numbers.shape),
            items,
            source="label-map",
            path=self._picture(path),
            origin=Origin(
                categories=categories, void=Mask.from_array(void) if void.any() else None
            ),
        )

    def _numbers(self, path: Path) -> tuple[NDArray[np.int64], str]:
        """Class of each pixel, 0 where there is none, -1 where it is void; a class without name."""
        mode = _mode(path)
        if mode in ("RGB", "RGBA") or (mode == "P" and self.table.colours):
            return _from_colours(read_image(path), self.table), _CLASS
        numbers = read_label_png(path)
        present = set(np.unique(numbers).tolist())
        if mode == "1" or (mode == "L" and present <= {0, 255}):
            return (numbers > 0).astype(np.int64), "object"
        void = _VOID[mode.startswith("I")]
        if void not in self.table.names:
            numbers[numbers == void] = _NOT_JUDGED
        return numbers, _CLASS

    @cached_property
    def _pictures(self) -> dict[str, Path]:
        """By stem, from the folder the user gave or else from those that usually hold them."""
        usual = (folder / name for folder in self.folders for name in _PICTURE_FOLDERS)
        places = [self.context.images] if self.context.images else [*usual, *self.folders]
        found: dict[str, Path] = {}
        for place in places:
            for path in sorted(place.rglob("*") if place not in self.folders else place.glob("*")):
                if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    found.setdefault(path.stem, path)
        return found

    def _picture(self, path: Path) -> Path:
        """The picture of a map; where there is none a name that says which it would be."""
        for ending in _ENDINGS:
            stem = path.stem.removesuffix(ending)
            found = self._pictures.get(stem)
            if path.stem.endswith(ending) and found is not None and found != path:
                self.context.access.granted.setdefault(found, path.name)
                return found
        return Path(f"{path.stem}.jpg")


def _from_colours(pixels: NDArray[np.uint8], table: LabelMapNames) -> NDArray[np.int64]:
    """Numbers of colours, by the table's own, else by PASCAL VOC's.

    Raises:
        EntryError: a colour stands for nothing.
    """
    known = table.colours or {**voc_colours(), _VOC_OUTLINE: _NOT_JUDGED}
    packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    colours, places = np.unique(packed, return_inverse=True)
    meant = []
    for colour in colours.tolist():
        key = (colour >> 16, colour >> 8 & 255, colour & 255)
        if key not in known:
            raise EntryError("colour that no table names", str(key))
        meant.append(known[key])
    return np.array(meant, dtype=np.int64)[places].reshape(packed.shape)


def _maps(source: Source) -> list[Path]:
    """PNG files that hold numbers, or the colours of classes in VOC's folder of them.

    The file itself, or those of a folder, or those of its usual subfolders.
    """
    if not source.is_folder:
        return [source.path] if source.path.suffix.lower() == ".png" else []
    patterns = (f"{folder}/*.png" for folder in _MAP_FOLDERS)
    found = (source.files(pattern) for pattern in ("*.png", *patterns))
    return next((files for files in found if files and _holds_numbers(files[0])), [])


def _holds_numbers(path: Path) -> bool:
    return _mode(path) in ("1", "L", "P", "I", "I;16", "I;16B") or (
        _mode(path) == "RGB" and path.parent.name == _MAP_FOLDERS[0]
    )


def _mode(path: Path) -> str:
    """Pillow's mode of a PNG file; empty if it is none."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.mode
    except Exception:  # a hostile header can make a decoder raise anything
        return ""


def _recognises(source: Source) -> bool:
    return bool(_maps(source))


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return read_label_maps(_maps(source), context, source.folder)


LABEL_MAP = Reader(_recognises, _read, rank=20)
