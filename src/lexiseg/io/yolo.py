"""A data set folder in the YOLO segmentation layout."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import ImageError, UsageError
from lexiseg.io.coco import POLYGON_TOLERANCE, Categories
from lexiseg.io.image import SUFFIXES, image_size, shown
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, result_from_regions
from lexiseg.io.writer import Destination, FreeNames, collection_writer, slug
from lexiseg.ops.polygons import join_rings, mask_to_polygons, rings_to_mask
from lexiseg.types import Instance, Mask, Result


@collection_writer
def write_yolo(
    results: Iterable[Result], destination: Destination, tolerance: float = POLYGON_TOLERANCE
) -> list[Path]:
    """``yolo/``: ``data.yaml``, ``labels/*.txt`` and copies of the pictures in ``images/``.

    One line per region: class number from 0, then the corners as shares of width and height.
    Holes and separate parts are joined by bridges into the one polygon this layout allows; the
    scores have no place in it. `tolerance` is in pixels, and 0 keeps masks exact.
    """
    root = destination.folder / "yolo"
    table = root / "data.yaml"
    destination.check(table)
    categories = Categories()
    stems = FreeNames()
    paths: list[Path] = []
    for result in results:
        categories.add(result)
        stem = stems.take(slug(result.path.stem if result.path else "image"))
        lines = [_line(item, categories.places[item.label], tolerance) for item in result.instances]
        for line, item in zip(lines, result.instances, strict=True):
            if not line:
                destination.leave_out("region", "empty mask", result, item.label)
        label = root / "labels" / f"{stem}.txt"
        paths.append(destination.text(label, "".join(lines)))
        paths += _copy_picture(result, root / "images" / stem, destination)
    names = {place: name for name, place in categories.places.items()}
    content = {"path": ".", "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10**9)
    return [destination.text(table, text), *paths]


def _line(item: Instance, number: int, tolerance: float) -> str:
    polygons = mask_to_polygons(item.mask.to_array(), tolerance)
    if not polygons:
        return ""
    ring = join_rings([ring for polygon in polygons for ring in polygon.rings])
    height, width = item.mask.size_hw
    shares = (ring / (width, height)).ravel().tolist()
    return " ".join([str(number), *(f"{share:.9g}" for share in shares)]) + "\n"


def _copy_picture(result: Result, base: Path, destination: Destination) -> list[Path]:
    """The picture beside its labels: the file itself if it is one, else its pixels."""
    try:
        file = destination.file_of(result)
        if file is None:
            pixels = Image.fromarray(destination.pixels_of(result))
    except ImageError as error:
        destination.leave_out("picture", "image not found", result, str(error))
        return []
    if file is not None:
        target = base.with_name(base.name + file.suffix.lower())
        with file.open("rb") as source, destination.open(target) as stream:
            shutil.copyfileobj(source, stream)
        return [target]
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    return [destination.bytes(base.with_name(f"{base.name}.png"), buffer.getvalue())]


def read_yolo(folder: Path) -> Iterator[Result]:
    """Read a folder with ``data.yaml``, ``labels`` and ``images``, one result per label file.

    Raises:
        UsageError: a file is absent or of another layout.
    """
    table = folder / "data.yaml"
    names = _class_names(table)
    labels = sorted((folder / "labels").rglob("*.txt"))
    if not labels:
        raise UsageError(f"{shown(folder / 'labels')} holds no .txt file; expected YOLO labels.")
    for path in labels:
        picture = _picture_of(path, folder)
        size_hw = image_size(picture)
        with MalformedFile(path, "a file of YOLO polygons"):
            lines = path.read_text(encoding="utf-8").splitlines()
            items = [_instance(line, names, size_hw) for line in lines if line.strip()]
        asked = list(names.values())
        yield result_from_regions(size_hw, items, source="yolo", path=picture, names=asked)


def _class_names(table: Path) -> dict[int, str]:
    try:
        content = yaml.safe_load(table.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{shown(table)} cannot be read; expected a YOLO data.yaml.") from error
    with MalformedFile(table, "a YOLO data.yaml"):
        names: Any = content["names"]
        pairs = enumerate(names) if isinstance(names, list) else names.items()
        return {int(number): str(name) for number, name in pairs}


def _picture_of(label: Path, folder: Path) -> Path:
    base = folder / "images" / label.relative_to(folder / "labels").with_suffix("")
    found = [path for path in base.parent.glob("*") if path.stem == base.name]
    pictures = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise UsageError(
            f"{shown(base)} has no picture for {label.name}; YOLO labels need it to know the size."
        )
    return min(pictures)


def _instance(line: str, names: dict[int, str], size_hw: tuple[int, int]) -> Instance:
    number, *shares = line.split()
    ring: NDArray[np.float64] = np.array(shares, dtype=np.float64).reshape(-1, 2)
    mask = rings_to_mask([ring * size_hw[::-1]], size_hw)
    return Instance(names[int(number)], 1.0, Mask.from_array(mask))


def _is_yolo(source: Source) -> bool:
    return source.is_folder and (source.path / "data.yaml").is_file()


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return read_yolo(source.path)


YOLO = Reader(_is_yolo, _read, rank=80)
