"""Referring expressions in REFER's format: RefCOCO, RefCOCO+, RefCOCOg and gRefCOCO."""

from __future__ import annotations

import io
import pickle
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lexiseg.datasets.annotation import (
    Row,
    annotation_mask,
    read_instances,
    read_json,
    size_of,
    telling,
)
from lexiseg.datasets.layout import FolderLayout
from lexiseg.datasets.sample import ReferringSample, Target
from lexiseg.errors import DatasetError, in_one_line
from lexiseg.types import Mask, Number

_IMAGES = (
    "images/mscoco/images/train2014", "images/train2014", "train2014", "coco/train2014", "images",
)  # fmt: skip
_SPLIT_BY = {"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"}


@dataclass(frozen=True)
class ReferImages(Sequence[ReferringSample]):
    """Images with the objects that sentences refer to; masks are made when indexed.

    Args:
        name: registry name.
        split: e.g. ``"val"``, ``"testA"``.
        ids: image ids in order of first mention.
        references: image id -> its references, as the file holds them.
        tables: images and annotations by id.
        images: folder of the photographs.
        file: that the references were read from.
    """

    name: str
    split: str
    ids: tuple[str, ...]
    references: Mapping[str, Sequence[Row]]
    tables: Mapping[str, Mapping[Number, Row]]
    images: Path
    file: Path
    task: Literal["referring"] = "referring"

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> ReferringSample:  # type: ignore[override]
        references = self.references[self.ids[index]]
        with telling(self.file, f"image {self.ids[index]}"):
            entry = self.tables["images"][references[0]["image_id"]]
            size_hw = size_of(entry)
            targets = tuple(
                Target(str(ref["ref_id"]), self._mask(ref, size_hw), _sentences(ref))
                for ref in references
            )
            return ReferringSample(self.ids[index], self.images / entry["file_name"], targets)

    def _mask(self, reference: Row, size_hw: tuple[int, int]) -> Mask:
        """The union of the annotations meant; empty where the sentence means nothing."""
        mask = np.zeros(size_hw, dtype=bool)
        for number in _annotation_ids(reference):
            mask |= annotation_mask(self.tables["annotations"][number], size_hw)
        return Mask.from_array(mask)


def _open(
    name: str,
    data: Path,
    *,
    split: str = "val",
    split_by: str | None = None,
    images: Path | None = None,
) -> ReferImages:
    """RefCOCO, RefCOCO+, RefCOCOg or gRefCOCO.

    Args:
        name: registry name.
        data: the folder that holds ``refcoco`` (or ``refcoco+``, ``refcocog``, ``grefcoco``), or
            that folder itself, with ``refs(unc).p`` and ``instances.json``.
        split: "val", "testA", "testB" or "test"; "google:val" also says who made the split.
        split_by: "unc" for RefCOCO and RefCOCO+, "umd" or "google" for RefCOCOg.
        images: folder of the COCO train2014 photographs, if it is elsewhere.

    Raises:
        DatasetError: files are missing, or the split has no sentence.
    """
    data = Path(data)
    maker, _, split = split.rpartition(":")
    owner = split_by or maker or _SPLIT_BY.get(name, "unc")
    file = f"grefs({owner}).json" if name == "gres" else f"refs({owner}).p"
    layout = FolderLayout(
        name,
        "https://github.com/lichengunc/refer (gres: https://github.com/henghuiding/gRefCOCO)",
        f"{file} and instances.json, and the COCO photographs in images/train2014",
        ("grefcoco" if name == "gres" else name,),
    )
    path = layout.find(data, file)
    read = read_json if name == "gres" else read_plain_pickle
    tables = read_instances(
        layout.find(data, "instances.json"),
        images=("id", "file_name", "height", "width"),
        annotations=("id", "image_id"),
    )
    chosen = _group(path, read(path), split)
    if not chosen:
        raise DatasetError(f"{path} has no sentence of split {split!r}; check --split.")
    return ReferImages(
        name=name,
        split=f"{split} ({owner})",
        ids=tuple(chosen),
        references=chosen,
        tables={key: {row["id"]: row for row in tables[key]} for key in ("images", "annotations")},
        images=Path(images) if images else layout.find(data, *_IMAGES),
        file=path,
    )


open_refcoco = partial(_open, "refcoco")
open_refcoco_plus = partial(_open, "refcoco+")
open_refcocog = partial(_open, "refcocog")
open_gres = partial(_open, "gres")


def _group(path: Path, references: object, split: str) -> dict[str, list[Row]]:
    """References of a split by image."""
    if not isinstance(references, list):
        raise DatasetError(f"Reference file {path} holds no list of references.")
    grouped: dict[str, list[Row]] = defaultdict(list)
    for place, reference in enumerate(references):
        with telling(path, f"reference at place {place}"):
            if reference["split"] == split:
                grouped[str(reference["image_id"])].append(reference)
    return dict(grouped)


def _annotation_ids(reference: Row) -> list[int]:
    """Annotation ids; gRefCOCO lists several, or -1 where nothing is meant."""
    given = reference["ann_id"]
    return [n for n in (given if isinstance(given, list) else [given]) if n != -1]


def _sentences(reference: Row) -> tuple[str, ...]:
    return tuple(str(entry["sent"]) for entry in reference["sentences"])


class _PlainUnpickler(pickle.Unpickler):
    """Builds lists, dictionaries, texts and numbers; refuses everything that could run code."""

    def find_class(self, module: str, name: str) -> object:
        raise DatasetError(
            f"it asks for {module:.40}.{name:.40}, and a file of references holds only lists, "
            "dictionaries, texts and numbers."
        )


def read_plain_pickle(path: Path) -> Any:
    """Read a pickle of plain data without running anything in it.

    Raises:
        DatasetError: it cannot be read, or holds something other than plain data.
    """
    try:
        # The published files were written by Python 2, whose texts are bytes in Latin-1.
        return _PlainUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except DatasetError as error:
        reason = in_one_line(error)
        raise DatasetError(f"Reference file {path} was not opened: {reason}") from error
    except Exception as error:  # damaged instructions make the reader raise anything
        reason = in_one_line(error)
        raise DatasetError(f"Reference file {path} cannot be read ({reason}).") from error
