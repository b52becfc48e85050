from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexiseg.datasets import class_list_names, load_class_list
from lexiseg.errors import UnknownNameError

SIZES = {
    "voc-20": (20, 0), "coco-80": (80, 0), "context-59": (59, 21),
    "ade-150": (150, 25), "ade-847": (847, 25), "pc-459": (459, 26),
    "coco-133": (133, 53), "cityscapes-19": (19, 11), "bdd10k-19": (19, 11), "bdd-40": (40, 30),
    "sun-rgbd-37": (37, 0), "scannet-20": (20, 2), "scannet-40": (40, 0),
}  # fmt: skip


def test_every_bundled_list_is_known_here() -> None:
    assert set(class_list_names()) == set(SIZES)


@pytest.mark.parametrize(("name", "sizes"), SIZES.items())
@pytest.mark.parametrize("wording", ["released", "plain"])
def test_lists_are_complete_and_without_duplicates(
    name: str, sizes: tuple[int, int], wording: str
) -> None:
    classes = load_class_list(name, wording)
    assert (len(classes), len(classes.stuff)) == sizes
    assert len({label.casefold() for label in classes.names}) == len(classes)
    assert classes.stuff <= set(classes.names)
    assert len(classes.prompts) == len(classes)
    assert all(text.strip() == text != "" for text in (*classes.names, *classes.prompts))


def test_released_wordings_of_voc_are_those_of_the_paper_code() -> None:
    classes = load_class_list("voc-20")
    prompts = dict(zip(classes.names, classes.prompts, strict=True))
    changed = {name: text for name, text in prompts.items() if name != text}
    assert changed == {
        "bird": "bird avian",
        "chair": "chair seat",
        "person": "person with clothes,people,human",
        "tvmonitor": "tvmonitor screen",
    }


def test_plain_wording_shows_the_names() -> None:
    classes = load_class_list("coco-80", "plain")
    assert classes.prompts == classes.names


def test_vocabulary_keeps_a_comma_prompt_as_one_text_and_picks_classes() -> None:
    vocabulary = load_class_list("voc-20").vocabulary((14, 2))
    assert vocabulary.names == ("person", "bird")
    assert vocabulary.wordings == (("person with clothes,people,human",), ("bird avian",))


def test_ade_wording_separates_every_word() -> None:
    classes = load_class_list("ade-150")
    assert classes.prompts[classes.names.index("door")] == "door, double, door"


def test_unknown_list_and_wording_are_named() -> None:
    with pytest.raises(UnknownNameError, match="voc-20"):
        load_class_list("voc-21")
    with pytest.raises(UnknownNameError, match="released"):
        load_class_list("voc-20", "fancy")


def test_names_as_the_files_spell_them() -> None:
    verbatim = load_class_list("ade-150", "verbatim")
    assert (verbatim.prompts[6], verbatim.prompts[8]) == ("road, route", "window ")
    assert verbatim.names == load_class_list("ade-150").names
    assert load_class_list("voc-20", "verbatim").prompts[15] == "pottedplant"


def test_coco_panoptic_is_asked_without_what_its_names_add() -> None:
    classes = load_class_list("coco-133")
    prompt = dict(zip(classes.names, classes.prompts, strict=True))
    assert prompt["wall-other-merged"] == "wall"
    assert prompt["door-stuff"] == "door"
    assert prompt["wall-brick"] == "wall-brick"


def test_classes_of_ade_that_coco_shows_are_known() -> None:
    seen = load_class_list("ade-150").seen
    assert len(seen) == 64
    assert {"animal", "light", "pillow"} <= seen
    assert not {"painting", "cushion", "signboard", "stove", "armchair"} & seen


def test_lists_equal_the_published_ones(shared: Path) -> None:
    lists = json.loads((shared / "data/class_lists/openworldsam_extra.json").read_text())
    for name, key in {"bdd-40": "bdd-panoptic-40"}.items() | {
        (name, name)
        for name in ("sun-rgbd-37", "scannet-20", "scannet-40", "cityscapes-19", "bdd10k-19")
    }:
        assert list(load_class_list(name, "verbatim").prompts) == lists[key]
    city = load_class_list("cityscapes-19")
    assert [n for n in city.names if n not in city.stuff] == lists["cityscapes-things"]
    ade = load_class_list("ade-150", "verbatim")
    meta = shared / "data/oracle/ade20k_meta"
    rows = json.loads((meta / "ade20k_panoptic_categories.json").read_text())
    assert list(ade.prompts) == [row["name"] for row in rows]
    assert [name in ade.seen for name in ade.names] == [row["seen"] for row in rows]


@pytest.mark.parametrize(
    ("name", "known"),
    [("ade-150", 64), ("ade-847", 101), ("cityscapes-19", 17), ("context-59", 51), ("pc-459", 85)],
)
def test_synonyms_of_fc_clip_share_as_many_classes_with_coco_as_published(
    name: str, known: int
) -> None:
    trained = {w for p in load_class_list("coco-133", "fc-clip").prompts for w in p.split(",")}
    classes = load_class_list(name, "fc-clip")
    assert len(trained) == 254
    shared = [p for p in classes.prompts if trained & set(p.replace(", ", ",").split(","))]
    assert len(shared) == known
    assert load_class_list("voc-20", "fc-clip").prompts[1] == "bicycle,bicycles,bike,bikes"
