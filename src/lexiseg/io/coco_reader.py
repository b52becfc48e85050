"""COCO files as the many tools that write them mean them: one odd entry never refuses a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from lexiseg.errors import ImageError, UsageError
from lexiseg.io.coco import PICTURES
from lexiseg.io.coco_tables import Entry, Picture, Tables, as_entry, entries_of, is_crowd, key_of
from lexiseg.io.image import image_size, shown
from lexiseg.io.read_context import EntryError, ReadContext
from lexiseg.io.reader import Outline, Reader, Source
from lexiseg.io.reading import (
    MalformedFile,
    checked_size,
    finite_number,
    read_json,
    result_from_regions,
)
from lexiseg.ops.coco_polygons import flat_rings, polygons_to_mask
from lexiseg.types import Instance, Mask, Number, Origin, Result

_OF_THE_SAME_PICTURES = ("captions", "image_info", "person_keypoints")


def read_coco(path: Path, context: ReadContext | None = None) -> Iterator[Result]:
    """Read a COCO annotation file, one result per picture, in the file's order.

    Polygons (nested, flat or as pairs), run lengths and compressed run lengths are understood,
    as are numbers that are text and fields that are missing where they can be told otherwise.
    Crowd regions are left out, unless every region is marked as one, as CVAT does with masks. A
    region without a score gets 1, one without a category the label "object".

    Args:
        path: the file.
        context: where pictures lie; its report tells what was left out.

    Raises:
        UsageError: the file is absent or no COCO annotation file.
    """
    data = read_json(path)
    with MalformedFile(path, "a COCO annotation file"):
        reading = _CocoFile.open(path, data, context or ReadContext())
        yield from reading.results(data.get("annotations"), "annotation", "coco")


def read_coco_results(
    path: Path, pictures: Path | None = None, context: ReadContext | None = None
) -> Iterator[Result]:
    """Read a list of COCO results.

    Args:
        path: the list.
        pictures: an annotation file with the tables of pictures and categories; by default the
            one `write_coco_results` puts beside the list.
        context: as for `read_coco`.

    Raises:
        UsageError: one of the files is absent or of another kind.
    """
    beside = path.with_name(path.name.removesuffix(".json") + PICTURES)
    table_path = pictures or beside
    if pictures is None and not beside.exists():
        raise UsageError(
            f"{shown(path)} holds numbers only; expected the tables of pictures and categories "
            f"in {beside.name} beside it."
        )
    entries = read_json(path)
    tables = read_json(table_path)
    with MalformedFile(table_path, "a COCO file with pictures and categories"):
        reading = _CocoFile.open(table_path, tables, context or ReadContext())
    with MalformedFile(path, "a list of COCO results"):
        yield from reading.results(entries, "result", "coco-results", path)


@dataclass(frozen=True)
class _CocoFile:
    """One file while it is read."""

    file: Path
    tables: Tables
    context: ReadContext

    @classmethod
    def open(cls, file: Path, data: object, context: ReadContext) -> _CocoFile:
        if not isinstance(data, dict):
            raise ValueError("expected an object with images, annotations and categories")
        return cls(file, Tables.parse(data, file, context), context)

    def results(
        self, entries: object, noun: str, source: str, entries_file: Path | None = None
    ) -> Iterator[Result]:
        """One result per picture."""
        file = entries_file or self.file
        regions = _Regions.parse(entries, noun, file, self)
        for key, picture in self.tables.pictures.items():
            result = None
            with self.context.entry(self.file, picture.title, "picture"):
                result = self._result(picture, regions.of(key), source, file)
            if result is not None:
                yield result

    def _result(
        self, picture: Picture, entries: Sequence[tuple[str, Entry]], source: str, file: Path
    ) -> Result:
        name = picture.file_name
        path = self.context.picture(name, self.file.parent) if name else None
        size_hw = _size_of(picture.entry, path, [entry for _, entry in entries])
        items: list[Instance] = []
        for title, entry in entries:
            with self.context.entry(file, title):
                items.append(self._instance(entry, size_hw))
        return result_from_regions(
            size_hw,
            items,
            source=source,
            path=path,
            names=self.tables.asked(picture, items),
            origin=Origin(picture.number, name, self.tables.categories),
        )

    def _instance(self, entry: Entry, size_hw: tuple[int, int]) -> Instance:
        label = self.tables.name_of(entry.get("category_id"))
        score = entry.get("score")
        mask = _mask_of(entry, size_hw)
        category = self.tables.categories.get(label)
        thing = category is None or category.is_thing
        return Instance(label, 1.0 if score is None else finite_number(score), mask, thing)


@dataclass
class _Regions:
    """Entries by the picture they belong to."""

    by_picture: dict[Number, list[tuple[str, Entry]]] = field(default_factory=dict)
    crowds: dict[Number, list[tuple[str, Entry]]] = field(default_factory=dict)

    @classmethod
    def parse(cls, entries: object, noun: str, file: Path, coco: _CocoFile) -> _Regions:
        regions = cls()
        for title, value in entries_of(entries, noun):
            with coco.context.entry(file, title):
                entry = as_entry(value)
                key = key_of(entry.get("image_id"))
                if key not in coco.tables.pictures:
                    raise EntryError("orphan annotation", f"no image {key}")
                kind = regions.crowds if is_crowd(entry) else regions.by_picture
                kind.setdefault(key, []).append((title, entry))
        regions._settle_crowds(file, coco.context)
        return regions

    def of(self, key: Number) -> list[tuple[str, Entry]]:
        return self.by_picture.get(key, [])

    def _settle_crowds(self, file: Path, context: ReadContext) -> None:
        if self.crowds and not self.by_picture:
            self.by_picture, self.crowds = self.crowds, {}
            context.report.note(
                f"{shown(file)} marks every region as a crowd, as CVAT does with masks; they are "
                "read as single objects."
            )
        for title, _ in chain.from_iterable(self.crowds.values()):
            context.skip("region", "crowd", file, title)


def _size_of(picture: Entry, path: Path | None, entries: Sequence[Entry]) -> tuple[int, int]:
    """As the file states it, else as the picture or a run-length mask of it does."""
    height, width = picture.get("height"), picture.get("width")
    if height is not None and width is not None:
        return checked_size(height, width)
    if path is not None and path.is_file():
        try:
            return image_size(path)
        except ImageError as error:
            raise EntryError("picture of unknown size", str(error)) from error
    for entry in entries:
        stated = entry.get("segmentation")
        if isinstance(stated, dict) and isinstance(stated.get("size"), list):
            return checked_size(*stated["size"])
    raise EntryError("picture of unknown size")


def _mask_of(entry: Entry, size_hw: tuple[int, int]) -> Mask:
    stated = entry.get("segmentation")
    if not stated:
        raise EntryError("box without mask" if entry.get("bbox") else "no mask")
    mask = mask_from_segmentation(stated, size_hw)
    if not mask.area:
        raise EntryError("empty mask" if isinstance(stated, dict) else "empty polygon")
    return mask


def mask_from_segmentation(segmentation: object, size_hw: tuple[int, int]) -> Mask:
    """A mask from any of COCO's three forms; polygons are filled as the COCO tools do.

    Raises:
        EntryError: it is of no known form, or does not fit the picture.
    """
    if isinstance(segmentation, Mapping):
        mask = Mask.from_coco(segmentation)
        if mask.size_hw != size_hw:
            detail = f"{_by(mask.size_hw)} for a picture of {_by(size_hw)}"
            raise EntryError("mask of another size", detail)
        return mask
    if not isinstance(segmentation, list):
        raise EntryError("unknown segmentation", f"a {type(segmentation).__name__}")
    rings = flat_rings(segmentation)
    if segmentation and not rings:
        raise EntryError("empty polygon", "fewer than three corners")
    return Mask.from_array(polygons_to_mask(rings, size_hw))


def _by(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"


def _is_coco(outline: Outline) -> bool:
    kinds = ("annotations", "categories")
    return (
        "images" in outline.keys
        and any(kind in outline.keys for kind in kinds)
        and "segments_info" not in outline.entries.get("annotations", ())
    )


def _annotation_files(source: Source) -> list[Path]:
    """Files of a folder that may be COCO's: exact ones where a run wrote both kinds.

    COCO's own folder has several files about the same pictures; those of the masks are read.
    """
    files = [path for path in source.json_files if not path.name.endswith(PICTURES)]
    if any(path.name.startswith("instances") for path in files):
        files = [path for path in files if not path.name.startswith(_OF_THE_SAME_PICTURES)]
    exact = [path for path in files if path.name.endswith(".coco.json")]
    return exact or files


def _recognises(source: Source) -> bool:
    return any(_is_coco(source.outlines.get(path, Outline())) for path in _annotation_files(source))


def _read(source: Source, context: ReadContext) -> Iterator[Result]:
    for path in _annotation_files(source):
        if not source.is_folder or _is_coco(_outline(path)):
            yield from read_coco(path, context)


def _outline(path: Path) -> Outline:
    try:
        return Outline.of(read_json(path))
    except UsageError:
        return Outline()


def _is_list_of_results(source: Source) -> bool:
    outline = source.outlines.get(source.path)
    return outline is not None and "image_id" in outline.entries.get("", ())


COCO = Reader(_recognises, _read, rank=60)
COCO_RESULTS = Reader(
    _is_list_of_results,
    lambda source, context: read_coco_results(source.path, context=context),
    rank=60,
)
