from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import IGNORE
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


def clip(layouts: Any, folder: Path, name: str = "goat") -> None:
    for frame, row in (("00000", [0, 1, 2]), ("00001", [2, 2, 255])):
        layouts.photo(folder / f"JPEGImages/480p/{name}/{frame}.jpg", (1, 3))
        layouts.labels(folder / f"Annotations/480p/{name}/{frame}.png", [row])


def test_text_files_are_annotators_and_lines_are_sentences(layouts: Any, tmp_path: Path) -> None:
    clip(layouts, tmp_path)
    layouts.lines(tmp_path / "ImageSets/2017/val.txt", "goat", "clip-without-sentences")
    notes = tmp_path / "davis_text_annotations"
    layouts.lines(notes / "Davis17_annot1.txt", 'goat 1 "a goat"', 'goat 2 "a bush"')
    layouts.lines(notes / "Davis17_annot2.txt", 'goat 1 "brown goat on a hill"')
    dataset = DATASETS["ref-davis"](tmp_path)
    assert dataset.ids == ("goat",)
    sample = dataset[0]
    assert [(e.object_id, e.sentence, e.annotator) for e in sample.expressions] == [
        (1, "a goat", "Davis17_annot1"),
        (2, "a bush", "Davis17_annot1"),
        (1, "brown goat on a hill", "Davis17_annot2"),
    ]
    assert [truth.tolist() for truth in sample.truth] == [[[0, 1, 2]], [[2, 2, IGNORE]]]
    assert [frame.name for frame in sample.frames] == ["00000.jpg", "00001.jpg"]


def test_meta_expressions_number_the_annotators_of_each_object(
    layouts: Any, tmp_path: Path
) -> None:
    clip(layouts, tmp_path / "DAVIS")
    texts = [("0", "a goat", "1"), ("1", "the goat", "1"), ("2", "a bush", "2")]
    expressions = {key: {"exp": text, "obj_id": number} for key, text, number in texts}
    layouts.json(
        tmp_path / "DAVIS/meta_expressions/valid/meta_expressions.json",
        {"videos": {"goat": {"expressions": expressions}}},
    )
    rows = DATASETS["ref-davis"](tmp_path)[0].expressions
    assert [(row.object_id, row.annotator) for row in rows] == [(1, "0"), (1, "1"), (2, "0")]


def test_missing_parts_and_bad_lines_are_one_sentence(layouts: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="davischallenge"):
        DATASETS["ref-davis"](tmp_path)
    clip(layouts, tmp_path)
    with pytest.raises(DatasetError, match="meta_expressions"):
        DATASETS["ref-davis"](tmp_path)
    layouts.lines(tmp_path / "davis_text_annotations/annot1.txt", "goat a goat")
    with pytest.raises(DatasetError, match="object-number"):
        DATASETS["ref-davis"](tmp_path)


def test_real_clips_of_2016_have_one_object(shared: Path, layouts: Any, tmp_path: Path) -> None:
    real = shared / "data/real/davis"
    for folder in ("JPEGImages", "Annotations"):
        (tmp_path / folder).symlink_to(real / folder)
    layouts.lines(tmp_path / "davis_text_annotations/annot1.txt", "car-shadow 1 a gold car")
    sample = DATASETS["ref-davis"](tmp_path)[0]
    assert len(sample.frames) == len(sample.truth) == 40
    assert all(frame.is_file() for frame in sample.frames)
    assert set(np.unique(sample.truth[0])) == {0, 1}
