"""RefCOCOg (UMD) as one JSON file in COCO's form, whose annotations carry their sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from lexiseg.datasets.annotation import Row, annotation_mask, read_instances, size_of, telling
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.panoptic_tables import in_order
from lexiseg.datasets.sample import ReferringSample, Target
from lexiseg.errors import UnknownNameError
from lexiseg.types import Mask, Number

SENTENCES = ("first", "all")


@dataclass(frozen=True)
class SentenceTables(Sequence[ReferringSample]):
    """Images with the objects that sentences refer to; masks are made when indexed.

    Args:
        split: of the data set, and which sentences are asked.
        tables: ``images`` and ``annotations``.
        images: folder of the photographs.
        file: that the tables were read from.
        sentences: "first" of each object, as the paper asks, or "all".
    """

    split: str
    tables: Mapping[str, Sequence[Row]]
    images: Path
    file: Path
    sentences: str
    name: str = "refcocog-umd"
    task: Literal["referring"] = "referring"

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Numbers of the images that are referred to, as text."""
        return tuple(str(row["id"]) for row in self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> ReferringSample:  # type: ignore[override]
        row = self._images[index]
        with telling(self.file, f"image {row['id']}"):
            targets = tuple(self._target(entry, row) for entry in self._annotations[row["id"]])
            return ReferringSample(self.ids[index], self.images / row["file_name"], targets)

    def _target(self, entry: Row, image: Row) -> Target:
        texts = tuple(str(row.get("raw", row.get("sent", ""))) for row in entry["sentences"])
        kept = texts[:1] if self.sentences == "first" else texts
        mask = Mask.from_array(annotation_mask(entry, size_of(image)))
        return Target(str(entry.get("ref_id", entry["id"])), mask, kept)

    @cached_property
    def _annotations(self) -> Mapping[Number, list[Row]]:
        grouped: dict[Number, list[Row]] = defaultdict(list)
        for entry in self.tables["annotations"]:
            if entry["sentences"]:
                grouped[entry["image_id"]].append(entry)
        return grouped

    @cached_property
    def _images(self) -> list[Row]:
        rows = (row for row in self.tables["images"] if row["id"] in self._annotations)
        return in_order(list(rows))


def open_refcocog_umd(
    data: Path, *, split: str = "val", sentences: str = "first"
) -> SentenceTables:
    """RefCOCOg in the UMD split.

    Args:
        data: the folder with ``annotations/refcocog_umd_val.json`` and COCO's ``train2017``.
        split: "val", "train" or "test".
        sentences: "first" asks one sentence per object (X-Decoder's protocol, OpenWorldSAM
            Table 3), "all" every sentence.

    Raises:
        DatasetError: the folder is not laid out as published, or a table is damaged.
        UnknownNameError: `sentences` is neither.
    """
    if sentences not in SENTENCES:
        raise UnknownNameError("choice of sentences", sentences, SENTENCES)
    data = Path(data)
    layout = FolderLayout(
        "refcocog-umd",
        "https://github.com/microsoft/X-Decoder (photographs: https://cocodataset.org)",
        f"annotations/refcocog_umd_{split}.json and train2017/*.jpg",
        ("coco",),
    )
    path = layout.find(data, f"annotations/refcocog_umd_{split}.json", f"refcocog_umd_{split}.json")
    images = layout.find(data, "train2017", "images/train2017", "train2014", "images")
    tables = read_instances(
        path,
        images=("id", "file_name", "height", "width"),
        annotations=("id", "image_id", "segmentation", "sentences"),
    )
    return SentenceTables(f"{split} (umd, {sentences} sentence)", tables, images, path, sentences)
