"""Sentences about objects as examples: REFER's layout, and COCO-like files with sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from lexiseg.datasets.annotation import Row, read_instances, read_json, size_of, telling
from lexiseg.datasets.refer import read_plain_pickle
from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.examples import (
    Asking,
    Complaints,
    FileExamples,
    PictureRow,
    picture_folder,
    sound_pictures,
)
from lexiseg.training.openworldsam.instance_data import IMAGE_KEYS, check_mask, make_masks


def sentence_examples(file: Path, images: Path | None = None) -> FileExamples:
    """A COCO-like file whose annotations have ``sentences``, as OpenWorldSAM's program reads.

    Args:
        file: with ``images`` and ``annotations``; sentences are texts, or rows with ``sent`` or
            ``raw``.
        images: folder of the pictures; None to look beside the file.

    Raises:
        DatasetError: a table is damaged as a whole.
    """
    tables = read_instances(file, images=IMAGE_KEYS, annotations=("image_id", "sentences"))
    complaints = Complaints(file)
    references = [(row, [row]) for row in tables["annotations"]]
    return _examples(file, tables["images"], references, images, complaints)


def refer_examples(
    references: Path, images: Path | None = None, split: str = "train"
) -> FileExamples:
    """REFER's layout: ``refs(...).p`` or ``.json`` beside ``instances.json``.

    A reference that means several objects is one text with one mask; one that means none is a
    text that is absent.

    Args:
        references: the file of references.
        images: folder of the pictures; None to look beside the file.
        split: which of its splits.

    Raises:
        DatasetError: a table is damaged as a whole, or the split has no sentence.
    """
    file = references.parent / "instances.json"
    tables = read_instances(file, images=IMAGE_KEYS, annotations=("id", "image_id"))
    complaints = Complaints(references)
    annotations = {row["id"]: row for row in tables["annotations"]}
    read = read_json if references.suffix == ".json" else read_plain_pickle
    chosen = _of_split(references, read(references), split)
    meant = [
        (row, found)
        for place, row in chosen
        if (found := complaints.kept(f"reference {place}", partial(_meant, row, annotations)))
        is not None
    ]
    return _examples(references, tables["images"], meant, images, complaints)


def _of_split(file: Path, loaded: object, split: str) -> list[tuple[object, Row]]:
    if not isinstance(loaded, list):
        raise DatasetError(f"Reference file {file} holds no list of references.")
    chosen = []
    for place, row in enumerate(loaded):
        with telling(file, f"reference at place {place}"):
            if row["split"] == split:
                chosen.append((row.get("ref_id", f"at place {place}"), row))
    if not chosen:
        raise DatasetError(f"{file} has no sentence of split {split!r}; give another split.")
    return chosen


def _meant(reference: Row, annotations: Mapping[object, Row]) -> list[Row]:
    """The annotations that a reference names; -1 stands for none."""
    given = reference["ann_id"]
    numbers = given if isinstance(given, list) else [given]
    return [annotations[number] for number in numbers if number != -1]


def _examples(
    file: Path,
    images: Sequence[Row],
    references: Sequence[tuple[Row, list[Row]]],
    given: Path | None,
    complaints: Complaints,
) -> FileExamples:
    folder = picture_folder(file, images, given)
    by_image: dict[object, list[tuple[Row, list[Row]]]] = {}
    for reference in references:
        by_image.setdefault(reference[0]["image_id"], []).append(reference)
    pictures = (
        complaints.kept(
            f"image {row['id']}",
            partial(_picture, row, by_image[row["id"]], folder, complaints),
        )
        for row in images
        if row["id"] in by_image
    )
    rows = sound_pictures([row for row in pictures if row is not None], complaints)
    return FileExamples(file, rows, make_masks, (), tuple(complaints.sentences))


def _picture(
    image: Row, references: Sequence[tuple[Row, list[Row]]], folder: Path, complaints: Complaints
) -> PictureRow:
    size_hw = size_of(image)
    asking = []
    for reference, rows in references:
        entry = f"reference {reference.get('ref_id', reference.get('id', ''))}"
        texts = complaints.kept(entry, partial(_sentences, reference))
        if texts and all(complaints.kept(entry, partial(check_mask, row, size_hw)) for row in rows):
            asking.append(Asking(texts, tuple(rows), joined=True))
    return PictureRow(str(image["id"]), folder / image["file_name"], size_hw, tuple(asking))


def _sentences(reference: Row) -> tuple[str, ...]:
    """Wordings in lower case, as the released code asks them."""
    texts = []
    for entry in reference["sentences"]:
        text = entry if isinstance(entry, str) else entry.get("sent") or entry["raw"]
        texts.append(str(text).lower())
    if not texts:
        raise DatasetError("it has no sentence")
    return tuple(texts)
