"""Classes, their synonyms, and which of them training knew."""

from __future__ import annotations

import json

import pytest

from lexiseg.analysis.oracles.classes import CaseClasses, read_vocabulary_file
from lexiseg.errors import UsageError

LISTS = {
    "openvocab_ade20k_panoptic_val": "ade20k_150",
    "openvocab_ade20k_full_sem_seg_val": "ade20k_847",
    "openvocab_cityscapes_fine_panoptic_val": "cityscapes",
    "openvocab_mapillary_vistas_panoptic_val": "mapillary_vistas",
    "openvocab_pascal_ctx59_sem_seg_val": "pascal_ctx_59",
    "openvocab_pascal_ctx459_sem_seg_val": "pascal_ctx_459",
    "openvocab_pascal21_sem_seg_val": "pascal_voc_21",
    "openvocab_coco_2017_val_panoptic_with_sem_seg": "coco_panoptic",
}


@pytest.fixture(scope="module")
def lists(shared):
    folder = shared / "data" / "oracle" / "class_names"
    if not folder.is_dir():
        pytest.skip("needs the published lists of class names")
    return folder


@pytest.mark.parametrize(("data", "stem"), LISTS.items())
def test_seen_classes_are_those_of_the_official_rule(shared, lists, data: str, stem: str) -> None:
    expected = json.loads((shared / "reference/oracle/seen_unseen_official.json").read_text())[data]
    coco = read_vocabulary_file(lists / "coco_panoptic_with_prompt_eng.txt")
    own = read_vocabulary_file(lists / f"{stem}_with_prompt_eng.txt")
    # Number 0 is a class that other maps leave out: "invalid" everywhere, dropped by the reader.
    classes = CaseClasses.of_names([",".join(words) for words in own.values()])
    seen = classes.trained_on(word for words in coco.values() for word in words).seen
    assert len(seen) == expected["num_classes"]
    assert [place for place, known in enumerate(seen) if known] == expected["seen"]
    assert [len(words) for words in classes.synonyms] == expected["num_synonyms"]


TABLE = [
    {"id": 7, "name": "couch,sofa", "isthing": 1},
    {"id": 2, "name": "grass", "isthing": 0, "synonyms": ["grass", "lawn"]},
]
BOTH = {2: ("grass", "lawn"), 7: ("couch", "sofa")}


def test_a_table_is_read_in_the_order_of_its_numbers() -> None:
    classes = CaseClasses.parse(TABLE)
    assert classes.numbers == (2, 7) and classes.names == ("grass", "couch,sofa")
    assert classes.synonyms == (("grass", "lawn"), ("couch", "sofa"))
    assert classes.things.tolist() == [False, True]
    assert classes.by_text == {"grass": 0, "couch,sofa": 1, "lawn": 0, "couch": 1, "sofa": 1}
    assert classes.chosen() == {"all": [0, 1], "things": [1], "stuff": [0]}


def test_case_counts_and_one_shared_text_is_enough() -> None:
    classes = CaseClasses.parse(TABLE)
    assert classes.trained_on(["Sofa", "lawn"]).seen == (True, False)
    assert classes.trained_on(["sofa"]).chosen()["unseen"] == [0]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "2:grass,lawn\n7:couch, sofa\n9:invalid_class_id\n", BOTH),
        ("a.txt", "couch,sofa\n\ngrass\n", {"couch": ("couch", "sofa"), "grass": ("grass",)}),
        ("a.json", json.dumps(TABLE), BOTH),
        ("a.json", json.dumps({"categories": TABLE}), BOTH),
        ("a.json", '["couch,sofa"]', {"couch": ("couch", "sofa")}),
        ("a.json", '{"couch": ["sofa"]}', {"couch": ("couch", "sofa")}),
    ],
)  # fmt: skip
def test_lists_of_synonyms(tmp_path, name, text, expected) -> None:
    (tmp_path / name).write_text(text)
    assert read_vocabulary_file(tmp_path / name) == expected


def test_synonyms_are_taken_by_number_or_name() -> None:
    classes = CaseClasses.parse(TABLE).worded({7: ("divan",), "grass": ("turf",)})
    assert classes.synonyms == (("turf", "grass"), ("divan", "couch,sofa"))
    with pytest.raises(UsageError, match="no class of the truth"):
        CaseClasses.parse(TABLE).worded({99: ("x",)})


@pytest.mark.parametrize(
    "table",
    [[], {}, [{"id": 1, "name": "a"}] * 2, [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]],
)
def test_odd_tables_are_refused(table) -> None:
    with pytest.raises(ValueError, match="categories|expected"):
        CaseClasses.parse(table)
