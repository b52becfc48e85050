"""Exports of Label Studio: its full JSON and the short one, with brushes, polygons and boxes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError
from lexiseg.io.image import SUFFIXES, image_size, read_image, shown
from lexiseg.io.label_studio_writer import PRESENCE
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Outline, Reader, Source
from lexiseg.io.reading import (
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
)
from lexiseg.ops.brush_rle import decode_brush
from lexiseg.ops.polygons import Ring, rings_to_mask
from lexiseg.ops.shapes import box_ring, ellipse_ring, turn_ring
from lexiseg.types import Instance, Mask, Origin, Result

Entry = Mapping[str, object]
Pixels = NDArray[np.bool_]

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")  # the program puts a hash before a file's own name


def read_label_studio(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read an export of Label Studio, one result per task.

    Brushes, bit masks, polygons, rectangles and ellipses, turned or not, become regions; key
    points have no area and are left out. Of several annotations of a task the one marked as
    ground truth is read, else the first that was not cancelled; where there is none, the first
    prediction.

    Args:
        path: the JSON file, full or short.
        context: where pictures lie; its report tells what was left out.

    Raises:
        UsageError: the file is absent or no such export.
    """
    context = context or ReadContext()
    data = read_json(path)
    with MalformedFile(path, "an export of Label Studio"):
        tasks = data if isinstance(data, list) else [data]
        if not all(isinstance(task, dict) for task in tasks):
            raise ValueError("expected a list of tasks")
    for place, task in enumerate(tasks, start=1):
        result = None
        title = f"task {task.get('id', place)}"
        with context.entry(path, title, "picture"):
            result = _result(_Task.of(task, path, title, context), task)
        if result is not None:
            yield result


@dataclass(frozen=True)
class _Region:
    """One region as the file has it."""

    title: str
    entry: Entry
    value: Entry

    @property
    def labels(self) -> list[str]:
        """Names given to it; the key depends on the tool it was drawn with."""
        lists = [value for key, value in self.value.items() if key.lower().endswith("labels")]
        names = [name for found in lists if isinstance(found, list) for name in found]
        return list(dict.fromkeys(map(str, names)))

    def stated(self, key: str) -> object:
        """A field of the region, which the short form has among those of its shape."""
        return self.entry.get(key, self.value.get(key))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Of the picture it was drawn on."""
        return checked_size(self.stated("original_height"), self.stated("original_width"))


@dataclass(frozen=True)
class _Task:
    """One task: its picture and the regions to read."""

    file: Path
    title: str
    name: str | None
    regions: list[_Region]
    context: ReadContext

    @classmethod
    def of(cls, task: Entry, file: Path, title: str, context: ReadContext) -> _Task:
        inner = task.get("task")
        data = task.get("data") or (inner.get("data") if isinstance(inner, dict) else task)
        fields = data if isinstance(data, dict) else {}
        if "result" in task or "data" in task:
            entries = _chosen(task, file, title, context)
        else:
            entries = [_as_entry(value) for found in task.values() for value in _dicts(found)]
        regions = []
        for place, entry in enumerate(entries, start=1):
            value = entry.get("value")
            if isinstance(value, dict):
                regions.append(_Region(f"{title}, region {entry.get('id', place)}", entry, value))
        return cls(file, title, _picture_name(fields), _drawn(regions), context)

    @property
    def picture(self) -> Path | None:
        """The file of the picture, also under its name before it was uploaded."""
        if self.name is None:
            return None
        found = self.context.picture(self.name, self.file.parent)
        before = name_before_upload(self.name)
        if found.is_file() or not before:
            return found
        other = self.context.picture(before, self.file.parent)
        return other if other.is_file() else found

    def size_hw(self, picture: Path | None) -> tuple[int, int]:
        """As the regions state it, else as the picture has it."""
        for region in self.regions:
            if region.stated("original_width"):
                return region.size_hw
        if picture is None or not (self.context.access.allows(picture) and picture.is_file()):
            raise EntryError("picture of unknown size", "no region states it")
        return image_size(picture)


def _result(task: _Task, entry: Entry) -> Result:
    picture = task.picture
    size_hw = task.size_hw(picture)
    items: list[Instance] = []
    for region in task.regions:
        with task.context.entry(task.file, region.title):
            items += _instances(region, size_hw)
    number = entry.get("id")
    refused = _refused(entry)
    return result_from_regions(
        size_hw,
        items,
        source="label-studio",
        path=picture,
        names=list(refused),
        scores=refused,
        origin=Origin(number if isinstance(number, int | str) else None, task.name),
    )


def _refused(task: Entry) -> dict[str, float]:
    """Scores of the names that a task of our own says were looked for in vain."""
    meta = task.get("meta")
    verdicts = _dicts(meta.get(PRESENCE)) if isinstance(meta, dict) else []
    return {str(v["name"]): finite_number(v["score"]) for v in verdicts if v.get("kept") is False}


def _chosen(task: Entry, file: Path, title: str, context: ReadContext) -> list[Entry]:
    """Regions of the annotation, or else the prediction, that is read."""
    if "result" in task:  # an annotation that names its task
        return _dicts(task["result"])
    annotations = _dicts(task.get("annotations") or task.get("completions"))
    done = [entry for entry in annotations if not entry.get("was_cancelled")]
    done.sort(key=lambda entry: not entry.get("ground_truth"))
    for extra in done[1:]:
        for place, region in enumerate(_dicts(extra.get("result")), start=1):
            where = f"{title}, annotation {extra.get('id')}, region {region.get('id', place)}"
            context.skip("region", "another annotation of the same picture", file, where)
    first = (done or _dicts(task.get("predictions")) or [{}])[0]
    return _dicts(first.get("result"))


def _dicts(value: object) -> list[Entry]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _as_entry(value: Entry) -> Entry:
    return {"value": value}


def _drawn(regions: list[_Region]) -> list[_Region]:
    """Regions with a shape; of those that share a number, the ones that have a label.

    Texts and choices about a region or the picture are entries of their own without a shape.
    """
    shapes = [region for region in regions if _SHAPE_KEYS & region.value.keys()]
    named = {str(region.entry.get("id")) for region in shapes if region.labels}
    return [
        region for region in shapes if region.labels or str(region.entry.get("id")) not in named
    ]


def _picture_name(data: Entry) -> str | None:
    """The picture of a task, from the address that the program serves it at."""
    texts = [value for value in data.values() if isinstance(value, str) and value]
    named = [text for text in texts if Path(local_name(text)).suffix.lower() in SUFFIXES]
    addresses = [text for text in texts if "/" in text]
    chosen = next(iter([*named, *addresses]), None)
    return None if chosen is None else local_name(chosen)


def name_before_upload(name: str) -> str:
    """What an uploaded file was called before the program put a hash in front; "" if it did not.

    Example:
        >>> name_before_upload("0a1b2c3d-a.png"), name_before_upload("a.png")
        ('a.png', '')
    """
    found = _UPLOADED.fullmatch(Path(name).name)
    return found[1] if found else ""


def local_name(address: str) -> str:
    """The path in an address: of a local file, of an upload, or of a file on another machine.

    Example:
        >>> local_name("/data/local-files/?d=photos/a%20b.png"), local_name("/data/upload/3/a.png")
        ('photos/a b.png', 'a.png')
    """
    if "\\" in address:
        return address
    parts = urlsplit(address)
    if "d" in (query := parse_qs(parts.query)):
        return query["d"][0]
    path = unquote(parts.path)
    return Path(path).name if parts.scheme or path.startswith("/data/upload/") else path


_SHAPE_KEYS = {"rle", "imageDataURL", "points", "radiusX", "x"}


def _instances(region: _Region, size_hw: tuple[int, int]) -> list[Instance]:
    """One per label."""
    if not region.labels:
        raise EntryError("region without label")
    if region.stated("original_width") and region.size_hw != size_hw:
        raise EntryError("region of another size than its picture's others")
    if region.stated("image_rotation"):
        raise EntryError("region of a turned picture", "turned in the editor")
    if region.stated("item_index"):
        raise EntryError("region of a further page")
    mask = Mask.from_array(_pixels(region.value, size_hw))
    if not mask.area:
        raise EntryError("empty shape", "it covers no pixel of the picture")
    score = region.stated("score")
    sure = 1.0 if score is None else finite_number(score)
    return [Instance(label, sure, mask) for label in region.labels]


def _pixels(value: Entry, size_hw: tuple[int, int]) -> Pixels:
    if "rle" in value:
        packed = np.asarray(value["rle"])
        if packed.ndim != 1 or packed.dtype.kind != "i" or packed.min(initial=0) < 0:
            raise EntryError("damaged brush mask", "expected a list of bytes")
        if packed.max(initial=0) > 255:
            raise EntryError("damaged brush mask", "expected bytes up to 255")
        return decode_brush(packed, size_hw) > 127  # half covered
    if "imageDataURL" in value:
        return _bit_mask(str(value["imageDataURL"]), size_hw)
    return rings_to_mask([_ring(value, size_hw)], size_hw)


def _bit_mask(address: str, size_hw: tuple[int, int]) -> Pixels:
    pixels = read_image(base64.b64decode(address.rpartition(",")[2]))
    if pixels.shape[:2] != size_hw:
        raise EntryError("mask of another size")
    return pixels[..., 0] > 127


def _ring(value: Entry, size_hw: tuple[int, int]) -> Ring:
    """Corners in pixels; the file has percents of width and height."""
    percent = np.array(size_hw[::-1]) / 100
    if "points" in value:
        ring = np.asarray(value["points"], dtype=np.float64).reshape(-1, 2) * percent
        if len(ring) < 3:
            raise EntryError("polygon of fewer than three corners")
        return ring
    x, y = (np.array([finite_number(value["x"]), finite_number(value["y"])]) * percent).tolist()
    if "radiusX" in value:
        radii = [finite_number(value["radiusX"]), finite_number(value["radiusY"])]
        across, down = (np.array(radii) * percent).tolist()
        ring = ellipse_ring((x, y), (across, down))
    elif "height" in value:
        sides = [finite_number(value["width"]), finite_number(value["height"])]
        width, height = (np.array(sides) * percent).tolist()
        ring = box_ring(x, y, x + width, y + height)
    else:
        raise EntryError("shape without area", "a key point")
    return turn_ring(ring, finite_number(value.get("rotation") or 0), (x, y))


def _is_label_studio(outline: Outline) -> bool:
    keys = outline.entries.get("", frozenset()) or outline.keys
    full = "data" in keys and bool(keys & {"annotations", "completions", "predictions"})
    short = "annotation_id" in keys or ("lead_time" in keys and "annotator" in keys)
    return full or short or {"result", "task"} <= keys


def _files(source: Source) -> list[Path]:
    return [path for path, outline in source.outlines.items() if _is_label_studio(outline)]


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    if not source.is_folder:
        yield from read_label_studio(source.path, context)
        return
    for path in source.json_files:
        try:
            fits = _is_label_studio(Outline.of(read_json(path)))
        except UsageError as error:
            context.skip("picture", "malformed entry", path, "", str(error).rstrip("."))
            continue
        if fits:
            yield from read_label_studio(path, context)
        else:
            context.report.note(f"{shown(path)} is no export of Label Studio and was not read.")


LABEL_STUDIO = Reader(lambda source: bool(_files(source)), _read, rank=60)
