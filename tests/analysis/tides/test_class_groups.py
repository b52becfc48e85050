from __future__ import annotations

import pytest
import yaml

from lexiseg.analysis.tides.build_miniworld_groups import FILE, file_text
from lexiseg.analysis.tides.class_groups import load_groups, shipped_groups
from lexiseg.datasets import load_class_list
from lexiseg.datasets.miniworld.sprites import thing_names
from lexiseg.errors import UsageError

COCO = load_class_list("coco-80", "plain").names


def test_every_class_of_a_shipped_split_is_in_one_group():
    assert shipped_groups() == ("coco", "miniworld")
    for dataset, names in (("coco", COCO), ("miniworld", thing_names())):
        listed = [name for own in load_groups(dataset, names).values() for name in own]
        assert sorted(listed) == sorted(names)


def test_coco_has_the_published_sizes_and_examples():
    groups = load_groups("coco", COCO)
    assert {group: len(own) for group, own in groups.items()} == {"non-uniform": 18, "uniform": 62}
    assert {"apple", "dog", "donut"} <= set(groups["uniform"])
    assert {"car", "person"} <= set(groups["non-uniform"])


def test_miniworlds_split_is_what_its_reason_says():
    assert FILE.read_text(encoding="utf-8") == file_text()
    assert {"apple", "swan"} & set(load_groups("miniworld", thing_names())["uniform"])


def test_own_split(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"groups": {"pets": ["cat", "dog"]}}))
    assert load_groups("coco", COCO, file) == {"pets": ("cat", "dog")}
    assert load_groups("other", ["cat"]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("groups: {pets: [cat, unicorn]}", "names unicorn"),
        ("groups: {pets: [cat], beasts: [cat]}", "names a class twice"),
        ("groups: {pets: cat}", "another layout"),
        ("[cat]", "another layout"),
        ("{", "is no YAML"),
        (None, "cannot be read"),
    ],
)
def test_wrong_files(tmp_path, content, message):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=message):
        load_groups("coco", COCO, file)
