from __future__ import annotations

import json

import pytest

from lexiseg.methods.mask_proposals.trained_names import trained_names
from lexiseg.models.bundled import bundled_names


def test_coco_panoptic_has_the_published_wordings() -> None:
    names = trained_names("coco-panoptic")
    assert len(names.wordings) == 254  # 80 things and 53 kinds of stuff, in every wording
    assert {"person", "bikes", "guys"} <= set(names.things)
    assert {"sky", "brick wall"} <= set(names.stuff)
    assert not set(names.things) & set(names.stuff)


def test_miniworld_has_the_bundled_names() -> None:
    names = trained_names("miniworld")
    assert names.wordings == {*bundled_names().things, *bundled_names().stuff}


def test_classes_known_in_advance_are_those_of_the_official_rule(shared) -> None:
    lists = shared / "data" / "oracle" / "class_names" / "ade20k_150_with_prompt_eng.txt"
    official = shared / "reference" / "oracle" / "seen_unseen_official.json"
    if not (lists.is_file() and official.is_file()):
        pytest.skip("needs the oracle reference pack and its data")
    classes = [line.split(":", 1)[1].split(",") for line in lists.read_text().splitlines()[1:]]
    trained = trained_names("coco-panoptic").wordings
    seen = [number for number, own in enumerate(classes) if trained & set(own)]
    expected = json.loads(official.read_text())["openvocab_ade20k_panoptic_val"]
    assert seen == expected["seen"] and len(seen) == 64
