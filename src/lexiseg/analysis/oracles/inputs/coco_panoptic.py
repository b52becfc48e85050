"""COCO's panoptic layout, for truth and for answers: a JSON file and PNGs of segment numbers.

Every number of an answer's PNG must be in its JSON record, and the other way round; a truth may
list segments that its PNG does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.analysis.oracles.case import CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import CaseClasses
from lexiseg.errors import UsageError, in_one_line
from lexiseg.io.coco_tables import key_of
from lexiseg.io.image import MAX_PIXELS, shown
from lexiseg.io.read_context import EntryError
from lexiseg.io.reader import Source
from lexiseg.io.reading import Entry, MalformedFile, finite_number, read_json, whole_number
from lexiseg.types import Number

_COLOURS = 256


@dataclass(frozen=True)
class PanopticFile:
    """A panoptic JSON file with the folder of its PNGs.

    Args:
        path: of the JSON file.
        folder: of the PNGs.
        records: of each picture by its number, in the file's order.
        images: rows about the pictures by number; empty where the file has none.
        categories: the file's table; None where it has none.
    """

    path: Path
    folder: Path
    records: Mapping[Number, Entry]
    images: Mapping[Number, Entry]
    categories: object | None

    @classmethod
    def open(cls, source: Path) -> PanopticFile:
        """Read a JSON file, or that of a folder.

        The PNGs lie in the folder named like the file, in ``panoptic``, or beside it.

        Raises:
            UsageError: there is no such file, or it is damaged, or its PNGs are not found.
        """
        path = _json_of(source)
        data = read_json(path)
        with MalformedFile(path, "a COCO panoptic file"):
            records = {key_of(entry["image_id"]): entry for entry in data["annotations"]}
            images = {key_of(entry["id"]): entry for entry in data.get("images", ())}
            folder = _folder_of(path, [str(entry["file_name"]) for entry in records.values()])
            return cls(path, folder, records, images, data.get("categories"))

    @cached_property
    def classes(self) -> CaseClasses:
        """The classes of the file.

        Raises:
            UsageError: it has no table of categories, or an odd one.
        """
        with MalformedFile(self.path, "a COCO panoptic file with categories"):
            return CaseClasses.parse(self.categories)

    def name_of(self, number: Number) -> str:
        """What a picture is called: its file without ending, else its number."""
        named = self.images.get(number, {}).get("file_name") or self.records[number]["file_name"]
        return Path(str(named)).stem

    def truth(self, number: Number) -> CaseMap:
        """The segments of a picture with their annotated areas.

        Raises:
            UsageError: naming file and entry of what is damaged.
        """
        record = self.records[number]
        with MalformedFile(self.path, f"sound about picture {number}"):
            segments = [self._true(row) for row in record["segments_info"]]
            return CaseMap(self._ids(record), tuple(segments))

    def answer(self, number: Number, classes: CaseClasses) -> CaseMap:
        """The answered segments of a picture.

        Args:
            number: of the picture.
            classes: those of the truth.

        Raises:
            UsageError: the picture has no record, PNG and record disagree, or a category is none
                of the truth's.
        """
        if number not in self.records:
            raise UsageError(
                f"{shown(self.path)} has no record of picture {number}; expected one for every "
                "picture of the truth."
            )
        record = self.records[number]
        with MalformedFile(self.path, f"sound about picture {number}"):
            rows = record["segments_info"]
            segments = tuple(self._answered(row, number, classes) for row in rows)
            found = CaseMap(self._ids(record), segments)
        self._agree(found, record)
        return found

    def _true(self, row: Entry) -> CaseSegment:
        number = row["category_id"]
        if number not in self.classes.index:
            raise ValueError(f"segment {row['id']} has the unknown category {number!r:.60}")
        area, crowd = finite_number(row["area"]), bool(row.get("iscrowd", 0))
        return CaseSegment(whole_number(row["id"]), self.classes.index[number], area, crowd)

    def _answered(self, row: Entry, picture: Number, classes: CaseClasses) -> CaseSegment:
        category = row["category_id"]
        if category not in classes.index:
            raise UsageError(
                f"{shown(self.path)} gives segment {row['id']} of picture {picture} the category "
                f"{category!r:.60}, which the truth does not have; expected one of "
                f"{classes.numbers[0]} to {classes.numbers[-1]}."
            )
        return CaseSegment(whole_number(row["id"]), classes.index[category])

    def _ids(self, record: Entry) -> NDArray[np.int32]:
        return read_segment_png(self.folder / Path(str(record["file_name"])).name)

    def _agree(self, found: CaseMap, record: Entry) -> None:
        file = self.folder / Path(str(record["file_name"])).name
        listed = [segment.id for segment in found.segments]
        shown_ids = set(np.unique(found.ids).tolist()) - {0}
        if odd := shown_ids - set(listed):
            raise UsageError(
                f"{shown(file)} shows segment {min(odd)}, which the record of {shown(self.path)} "
                "does not list; expected every number of the PNG in segments_info."
            )
        if odd := set(listed) - shown_ids:
            raise UsageError(
                f"{shown(self.path)} lists segment {min(odd)}, of which {shown(file)} shows no "
                "pixel; expected segments_info to list what the PNG shows."
            )
        if len(set(listed)) < len(listed):
            raise UsageError(f"{shown(self.path)} lists a segment of {shown(file)} twice.")


def read_segment_png(path: Path) -> NDArray[np.int32]:
    """Segment numbers of a PNG: red + 256 green + 65536 blue.

    Returns:
        (H, W) int32.

    Raises:
        UsageError: the file is absent or no such PNG.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("RGB", "RGBA"):
                raise ValueError(f"its pixels are {image.mode}, not colours")
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("it is too large")
            pixels = np.asarray(image.convert("RGB")).astype(np.int32)
    except OSError as error:
        reason = error.strerror or "not a PNG file"
        raise UsageError(f"{shown(path)} cannot be read ({reason}).") from error
    except Exception as error:  # damaged pixel data makes decoders raise anything
        raise UsageError(
            f"{shown(path)} cannot be read as a panoptic PNG ({in_one_line(error)})."
        ) from error
    ids: NDArray[np.int32] = pixels[..., 0] + _COLOURS * (
        pixels[..., 1] + _COLOURS * pixels[..., 2]
    )
    return ids


def is_panoptic(source: Path) -> bool:
    """Whether a file, or one of a folder, is a panoptic JSON file."""
    return bool(_panoptic_files(source))


def is_empty(source: Path) -> bool:
    """Whether a file of COCO's layout holds no annotation at all."""
    outlines = Source(source).outlines if source.suffix == ".json" else {}
    return any("annotations" in o.keys and not o.entries["annotations"] for o in outlines.values())


def _panoptic_files(source: Path) -> list[Path]:
    outlines = Source(source).outlines
    return [p for p, o in outlines.items() if "segments_info" in o.entries.get("annotations", ())]


def _json_of(source: Path) -> Path:
    found = _panoptic_files(source)
    if len(found) != 1:
        many = f"{len(found)} panoptic JSON files" if found else "no panoptic JSON file"
        raise UsageError(f"{shown(source)} holds {many}; give the file itself.")
    return found[0]


def _folder_of(path: Path, files: Sequence[str]) -> Path:
    """Where the PNGs lie."""
    name = path.name.removesuffix(".json")
    beside = (name, name.removesuffix(".panoptic"), "panoptic", "panoptic_seg", "masks")
    places = [*(path.parent / one for one in beside), path.parent]
    for place in places:
        if files and (place / Path(files[0]).name).is_file():
            return place
    if not files:
        raise EntryError("a list of annotations that is empty")
    raise UsageError(
        f"The PNG files of {shown(path)} are not found, the first is {files[0][:80]!r}; expected "
        f"them in the folder {shown(places[0])}, in panoptic, or beside the file."
    )
