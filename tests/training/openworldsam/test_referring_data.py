"""Sentences in REFER's layout and in COCO-like files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lexiseg.datasets.refer import open_refcoco
from lexiseg.errors import DatasetError
from lexiseg.training.openworldsam.referring_data import refer_examples, sentence_examples
from tests.training.openworldsam.data_files import annotation, write_coco


@pytest.fixture
def refer(tmp_path: Path) -> Path:
    """Two references, of which one means two objects, and one that means none."""
    rows = [annotation(1, 1, 1), annotation(2, 1, 2), annotation(3, 2, 1)]
    write_coco(tmp_path, rows).rename(tmp_path / "instances.json")
    shapes = [[1], [1, 2], [-1], [3]]
    refs = [
        {
            "ref_id": place, "ann_id": ids, "image_id": 2 if ids == [3] else 1, "split": "train",
            "sentences": [{"sent": f"The dog {place}"}, {"sent": f"it {place}"}],
        }
        for place, ids in enumerate(shapes)
    ]  # fmt: skip
    path = tmp_path / "refs.json"
    path.write_text(json.dumps([*refs, {**refs[0], "split": "val"}]))
    return path


def test_each_reference_is_one_text_with_one_mask_or_none(refer: Path) -> None:
    examples = refer_examples(refer)
    first = examples[0].wanted
    assert [len(item.masks) for item in first] == [1, 1, 0]
    assert first[1].texts == ("the dog 1", "it 1")  # lower case
    assert len(examples) == 2 and examples[0].absent == () and not examples.complaints


def test_a_pickle_is_read_as_the_reader_for_measuring_reads_it(world: Path) -> None:
    folder = world / "miniworld"
    pictures = world / "JPEGImages"
    measured = open_refcoco(folder, split="train", split_by="miniworld", images=pictures)
    examples = refer_examples(folder / "refs(miniworld).p")
    by_id = {sample.id: sample for sample in measured}
    assert len(examples) == len(by_id)
    for example in examples:
        targets = by_id[example.id].targets
        assert len(targets) == len(example.wanted)
        for target, item in zip(targets, example.wanted, strict=True):
            assert item.texts == tuple(text.lower() for text in target.sentences)
            assert np.array_equal(item.masks[0].to_array(), target.mask.to_array())


def test_damaged_references_are_named_and_left_out(refer: Path) -> None:
    rows = json.loads(refer.read_text())
    rows[0]["ann_id"] = [77]
    rows[1]["sentences"] = []
    refer.write_text(json.dumps(rows))
    examples = refer_examples(refer)
    assert [item.texts[0] for item in examples[0].wanted] == ["the dog 2"]
    assert any("reference 0" in line for line in examples.complaints)
    assert any("reference 1" in line and "no sentence" in line for line in examples.complaints)


def test_a_split_without_sentences_stops_before_the_start(refer: Path) -> None:
    with pytest.raises(DatasetError, match="no sentence of split 'testA'"):
        refer_examples(refer, split="testA")


def test_a_coco_file_with_sentences(tmp_path: Path) -> None:
    rows = [
        annotation(1, 1, 1, sentences=["The Big one", "dog"]),
        annotation(2, 2, 1, sentences=[{"raw": "Left Dog", "sent": "left dog"}]),
    ]
    examples = sentence_examples(write_coco(tmp_path, rows))
    assert examples[0].wanted[0].texts == ("the big one", "dog")
    assert examples[1].wanted[0].texts == ("left dog",)
