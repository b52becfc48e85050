"""COCO instances: every object of an image with its mask, crowds and category gaps included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from lexiseg.datasets.annotation import (
    Row,
    annotation_mask,
    read_instances,
    size_of,
    telling,
)
from lexiseg.datasets.class_list import ClassList, load_class_list
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.sample import InstanceSample, TrueObject
from lexiseg.errors import DatasetError
from lexiseg.types import Mask, Number

_YEARS = ("2017", "2014", "")


@dataclass(frozen=True)
class InstanceTables(Sequence[InstanceSample]):
    """The images of an instances file, in the order of their numbers, annotated or not.

    Args:
        name: of the data set.
        split: of the data set.
        classes: one for each category, in the order of the categories' numbers.
        tables: ``images``, ``annotations`` and ``categories``.
        image_path: row of an image -> where the picture lies.
        file: that the tables were read from.
        federated: each image speaks of some classes only (LVIS).
    """

    name: str
    split: str
    classes: ClassList
    tables: Mapping[str, Sequence[Row]] = field(repr=False)
    image_path: Callable[[Row], Path] = field(repr=False)
    file: Path
    federated: bool = False
    task: Literal["instances"] = "instances"
    asks_per_image: bool = False

    @cached_property
    def categories(self) -> tuple[Row, ...]:
        """Row of each class, in the order of `classes`."""
        return tuple(sorted(self.tables["categories"], key=lambda row: row["id"]))

    @cached_property
    def category_ids(self) -> tuple[int, ...]:
        """Number of each class in files of results; numbers may have gaps."""
        return tuple(row["id"] for row in self.categories)

    @property
    def frequencies(self) -> tuple[str, ...]:
        """Of each class "r", "c" or "f", where the file says so (LVIS); else empty."""
        known = all("frequency" in row for row in self.categories)
        return tuple(row["frequency"] for row in self.categories) if known else ()

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Numbers of the images as text."""
        return tuple(str(row["id"]) for row in self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> InstanceSample:  # type: ignore[override]
        row = self._images[index]
        objects = []
        for entry in self._annotations[row["id"]]:
            with telling(self.file, f"annotation {entry.get('id', 'of image ' + str(row['id']))}"):
                objects.append(self._object(entry, size_of(row)))
        with telling(self.file, f"image {row['id']}"):
            path = self.image_path(row)
            sample = InstanceSample(self.ids[index], row["id"], path, tuple(objects))
            return self._federated(sample, row) if self.federated else sample

    def _object(self, entry: Row, size_hw: tuple[int, int]) -> TrueObject:
        mask = Mask.from_array(annotation_mask(entry, size_hw))
        crowd = bool(entry.get("iscrowd", 0))
        area = float(entry.get("area", mask.area))
        return TrueObject(self._index[entry["category_id"]], mask, area, crowd)

    def _federated(self, sample: InstanceSample, row: Row) -> InstanceSample:
        absent = {self._index[number] for number in row["neg_category_ids"]}
        present = {item.class_index for item in sample.objects}
        partly = {self._index[number] for number in row["not_exhaustive_category_ids"]}
        return InstanceSample(
            sample.id,
            sample.number,
            sample.image,
            sample.objects,
            known=frozenset(present | absent),
            incomplete=frozenset(partly),
        )

    @cached_property
    def _index(self) -> dict[int, int]:
        return {number: index for index, number in enumerate(self.category_ids)}

    @cached_property
    def _images(self) -> list[Row]:
        return sorted(self.tables["images"], key=_order)

    @cached_property
    def _annotations(self) -> Mapping[Number, list[Row]]:
        grouped: dict[Number, list[Row]] = defaultdict(list)
        for entry in self.tables["annotations"]:
            grouped[entry["image_id"]].append(entry)
        return grouped


def _order(row: Row) -> tuple[bool, Number]:
    """Numbers first, in their order, then those that are text."""
    return isinstance(row["id"], str), row["id"]


def open_coco(data: Path, *, split: str = "val") -> InstanceTables:
    """COCO, or anything in its layout, such as a folder of ``lexiseg miniworld``.

    Every category is asked for by its bare name, as in the TIDES paper.

    Args:
        data: the folder with images and annotations.
        split: "val" or "train" of COCO 2017 or 2014, or whatever ``instances_SPLIT.json`` is
            there.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
    """
    data = Path(data)
    layout = FolderLayout(
        "coco",
        "https://cocodataset.org",
        f"{split}2017/*.jpg with annotations/instances_{split}2017.json",
        ("coco",),
    )
    files = [f"{place}instances_{split}{y}.json" for y in _YEARS for place in ("annotations/", "")]
    path = layout.find(data, *files)
    year = path.stem.removeprefix(f"instances_{split}")
    folders = (f"{split}{year}", f"images/{split}{year}", "JPEGImages", "images")
    images = layout.find(data, *folders)
    tables = read_tables(path, images=("id", "file_name", "height", "width"))
    return InstanceTables(
        "coco", path.stem.removeprefix("instances_"), _class_list(tables, path), tables,
        lambda row: images / row["file_name"], path,
    )  # fmt: skip


def open_instances_file(path: Path) -> InstanceTables:
    """A single instances file, whose pictures lie where it names them or beside it.

    Args:
        path: with ``images``, ``annotations`` and ``categories``.

    Raises:
        DatasetError: it is absent or damaged.
    """
    path = Path(path)
    tables = read_tables(path, images=("id", "file_name", "height", "width"))
    classes = _class_list(tables, path)
    return InstanceTables(
        path.name, "as in the file", classes, tables, lambda row: path.parent / row["file_name"],
        path,
    )  # fmt: skip


def read_tables(path: Path, *, images: Sequence[str]) -> dict[str, list[Row]]:
    """An instances file whose rows have what the readers need.

    Args:
        path: the file.
        images: keys that the row of an image must have.

    Raises:
        DatasetError: as `read_instances`, or the number of a category is text.
    """
    tables = read_instances(
        path,
        images=images,
        annotations=("image_id", "category_id", "segmentation"),
        categories=("id", "name"),
    )
    for row in tables["categories"]:
        if isinstance(row["id"], str):
            raise DatasetError(
                f"Annotation file {path} numbers a category {row['id']!r:.60}; expected a whole "
                "number."
            )
    return tables


def _class_list(tables: Mapping[str, Sequence[Row]], path: Path) -> ClassList:
    rows = sorted(tables["categories"], key=_order)
    names = tuple(str(row["name"]) for row in rows)
    coco = load_class_list("coco-80", "plain")
    return coco if names == coco.names else ClassList(f"categories of {path.name}", names, names)
