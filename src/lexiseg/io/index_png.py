"""Label maps as PNG: one number per pixel, coloured, with a table of names beside it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.image import MAX_PIXELS, shown
from lexiseg.io.origin import origin_entry, origin_of
from lexiseg.io.output_file import json_text
from lexiseg.io.palette import color_of
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import (
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
    whole_number,
)
from lexiseg.io.writer import Destination, image_writer
from lexiseg.types import Instance, Mask, Result, SemanticMap

_PALETTE_NAMES = 255
_TABLE = ".names.json"


@image_writer
def write_index_png(result: Result, destination: Destination) -> list[Path]:
    """``<name>.semantic.png`` and ``<name>.names.json``.

    Pixel 0 is background and k the k-th name. Up to 255 names the PNG has a palette with the
    names' own colours; beyond, its pixels are 16-bit numbers.
    """
    picture, table = destination.path(".semantic.png"), destination.path(_TABLE)
    destination.check(picture, table)
    semantic = result.semantic
    names = dict(enumerate(semantic.names, start=1))
    scores = {item.label: item.score for item in result.instances.sorted_by_score().items[::-1]}
    content = {
        "image": str(result.path) if result.path else None,
        "size": list(result.size_hw),
        "names": {str(number): name for number, name in names.items()},
        "scores": {str(number): scores[name] for number, name in names.items() if name in scores},
        **origin_entry(result),
    }
    destination.text(table, json_text(content, indent=1))
    return [destination.bytes(picture, index_png(semantic)), table]


def index_png(semantic: SemanticMap) -> bytes:
    """A semantic map as the bytes of a PNG file."""
    if len(semantic.names) <= _PALETTE_NAMES:
        image = Image.fromarray(semantic.ids.astype(np.uint8))
        colours = [(0, 0, 0), *(color_of(name) for name in semantic.names)]
        image.putpalette([part for colour in colours for part in colour])
    else:
        image = Image.fromarray(semantic.ids)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_index_png(path: Path, context: ReadContext | None = None) -> Result:
    """Read a label map with its table; every name present becomes one region.

    Args:
        path: the ``.semantic.png`` file or its ``.names.json``.
        context: where pictures lie; its report tells which numbers have no name.

    Raises:
        UsageError: one of the two files is absent or damaged.
    """
    context = context or ReadContext()
    base = path.name.removesuffix(_TABLE).removesuffix(".semantic.png")
    table_path, map_path = path.with_name(base + _TABLE), path.with_name(f"{base}.semantic.png")
    table = read_json(table_path)
    ids = read_label_png(map_path)
    with MalformedFile(table_path, "a table of names"):
        names = {whole_number(number): str(name) for number, name in table["names"].items()}
        scores = {whole_number(number): score for number, score in table.get("scores", {}).items()}
        items = []
        for number in np.unique(ids[ids != 0]).tolist():
            with context.entry(map_path, f"number {number}"):
                items.append(_region(ids, number, names, scores))
        name = table.get("image")
        return result_from_regions(
            checked_size(*ids.shape),
            items,
            source="png",
            path=context.picture(str(name), path.parent, also=Path()) if name else None,
            names=tuple(names.values()),
            origin=origin_of(table),
        )


def _region(
    ids: NDArray[np.generic], number: int, names: Mapping[int, str], scores: Mapping[int, object]
) -> Instance:
    if number not in names:
        raise EntryError("number without a name")
    mask, score = Mask.from_array(ids == number), scores.get(number)
    return Instance(names[number], 1.0 if score is None else finite_number(score), mask)


def read_label_png(path: Path) -> NDArray[np.int64]:
    """The numbers in a palette, grey or 16-bit PNG.

    Returns:
        (H, W) int64.

    Raises:
        UsageError: the file is no such PNG.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
                raise ValueError(f"its pixels are {image.mode}, not numbers")
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("it is too large")
            return np.asarray(image).astype(np.int64)
    except OSError as error:
        reason = error.strerror or "not a PNG file"
        raise UsageError(f"{shown(path)} cannot be read ({reason}).") from error
    except Exception as error:  # damaged pixel data makes decoders raise anything
        raise UsageError(f"{shown(path)} cannot be read as a label map ({error}).") from error


def _tables(source: Source) -> list[Path]:
    if not source.is_folder and source.path.name.endswith(".semantic.png"):
        return [source.path]
    return source.files(f"*{_TABLE}")


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return context.each(_tables(source), lambda table: read_index_png(table, context))


INDEX_PNG = Reader(lambda source: bool(_tables(source)), _read, rank=30)
