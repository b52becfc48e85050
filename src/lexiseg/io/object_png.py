"""One black-and-white PNG per region."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from lexiseg.io.index_png import read_label_png
from lexiseg.io.origin import origin_entry, origin_of
from lexiseg.io.output_file import json_text
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import (
    Entry,
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
)
from lexiseg.io.writer import Destination, image_writer, slug
from lexiseg.types import Instance, Mask, Result

TABLE = "objects.json"


@image_writer
def write_object_pngs(result: Result, destination: Destination) -> list[Path]:
    """``masks/<name>/001-<label>.png`` (0 or 255), and ``objects.json`` with labels and scores."""
    folder = destination.folder / "masks" / destination.stem
    files = [
        folder / f"{number:03d}-{slug(item.label).replace(' ', '_')}.png"
        for number, item in enumerate(result.instances, start=1)
    ]
    table = folder / TABLE
    destination.check(table, *files)
    for item, file in zip(result.instances, files, strict=True):
        destination.bytes(file, mask_png(item.mask))
    entries = [
        {"file": file.name, "label": item.label, "score": item.score, "is_thing": item.is_thing}
        for item, file in zip(result.instances, files, strict=True)
    ]
    content = {
        "image": str(result.path) if result.path else None,
        "size": list(result.size_hw),
        "names": list(result.names),
        "objects": entries,
        **origin_entry(result),
    }
    destination.text(table, json_text(content, indent=1))
    return [*files, table]


def mask_png(mask: Mask) -> bytes:
    """A mask as the bytes of a grey PNG file with 0 and 255."""
    buffer = io.BytesIO()
    Image.fromarray(mask.to_array()).convert("L").save(buffer, "PNG")
    return buffer.getvalue()


def read_object_pngs(folder: Path, context: ReadContext | None = None) -> Result:
    """Read a folder written by `write_object_pngs`.

    Args:
        folder: with ``objects.json`` and the masks.
        context: where pictures lie; its report tells which masks were left out.

    Raises:
        UsageError: ``objects.json`` is absent or damaged.
    """
    context = context or ReadContext()
    table_path = folder / TABLE
    table = read_json(table_path)
    with MalformedFile(table_path, "a table of object masks"):
        size_hw = checked_size(*table["size"])
        items = []
        for place, entry in enumerate(table["objects"], start=1):
            with context.entry(table_path, f"object {place}"):
                items.append(_instance(entry, folder, size_hw))
        name = table.get("image")
        return result_from_regions(
            size_hw,
            items,
            source="masks",
            path=context.picture(str(name), folder, also=Path()) if name else None,
            names=tuple(str(name) for name in table["names"]),
            origin=origin_of(table),
        )


def _instance(entry: Entry, folder: Path, size_hw: tuple[int, int]) -> Instance:
    pixels = read_label_png(folder / Path(entry["file"]).name)
    if pixels.shape != size_hw:
        raise EntryError("mask of another size", str(entry["file"]))
    thing = bool(entry.get("is_thing", True))
    mask, score = Mask.from_array(pixels), finite_number(entry["score"])
    return Instance(str(entry["label"]), score, mask, thing)


def _tables(source: Source) -> list[Path]:
    return source.files(TABLE) or (source.files(f"*/{TABLE}") if source.is_folder else [])


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return context.each(_tables(source), lambda table: read_object_pngs(table.parent, context))


OBJECT_PNGS = Reader(lambda source: bool(_tables(source)), _read, rank=70)
