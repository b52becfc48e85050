"""One black-and-white PNG per region."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.index_png import read_label_png
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import Reader, Source
from lexiseg.io.reading import MalformedFile, read_json, result_from_regions
from lexiseg.io.writer import Destination, image_writer, json_text, slug
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

    Raises:
        UsageError: ``objects.json`` or one of the masks is absent or damaged.
    """
    table_path = folder / TABLE
    table = read_json(table_path)
    with MalformedFile(table_path, "a table of object masks"):
        height, width = (int(side) for side in table["size"])
        items = []
        for entry in table["objects"]:
            pixels = read_label_png(folder / Path(entry["file"]).name)
            if pixels.shape != (height, width):
                raise UsageError(f"{entry['file']} in {folder} has another size than its picture.")
            mask = Mask.from_array(pixels)
            thing = bool(entry.get("is_thing", True))
            items.append(Instance(str(entry["label"]), float(entry["score"]), mask, thing))
        name = table.get("image")
        look = (context or ReadContext()).picture
        picture = look(str(name), folder, also=Path()) if name else None
        return result_from_regions(
            (height, width), items, source="masks", path=picture, names=tuple(table["names"])
        )


def _tables(source: Source) -> list[Path]:
    return source.files(TABLE) or (source.files(f"*/{TABLE}") if source.is_folder else [])


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    return (read_object_pngs(table.parent, context) for table in _tables(source))


OBJECT_PNGS = Reader(lambda source: bool(_tables(source)), _read, rank=70)
