from __future__ import annotations

import pytest

from lexiseg.datasets import class_list_names, load_class_list
from lexiseg.errors import UnknownNameError

SIZES = {
    "voc-20": (20, 0), "coco-80": (80, 0), "context-59": (59, 21),
    "ade-150": (150, 25), "ade-847": (847, 25), "pc-459": (459, 26),
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
