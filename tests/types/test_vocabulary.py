from __future__ import annotations

from typing import Any

import pytest

from lexiseg.errors import UsageError
from lexiseg.types import Vocabulary, rivals, split_comma_list


def test_labels_come_back_byte_for_byte() -> None:
    names = ["Dog", "red_car", "  cat ", "犬", "كلب", "🐶", "person with clothes,people,human"]
    vocabulary = Vocabulary.parse(names)
    assert vocabulary.names == tuple(names)
    assert vocabulary.wordings[1] == ("red car",) and vocabulary.wordings[2] == ("cat",)


def test_comma_list_splits_and_keeps_escaped_commas() -> None:
    assert Vocabulary.parse("dog, red car,").names == ("dog", "red car")
    assert split_comma_list(r"a\,b, c") == ["a,b", "c"]


def test_aliases_group_under_their_name() -> None:
    vocabulary = Vocabulary.parse({"couch": "sofa", "dog": "dog", "settee": "sofa"})
    assert vocabulary.names == ("sofa", "dog")
    assert vocabulary.wordings == (("couch", "settee"), ("dog",))


@pytest.mark.parametrize("names", [["dog", "dog"], ["Dog", "dog"], ["red car", "red_car"]])
def test_duplicates_are_merged_with_a_warning(names: list[str]) -> None:
    with pytest.warns(UserWarning, match="given twice"):
        assert Vocabulary.parse(names).names == (names[0],)


@pytest.mark.parametrize(
    "names", [[], "", ["dog", " "], ["\u200b"], "dog,,cat", [1], 5, {"a": ""}, {"": "a"}, None]
)
def test_bad_names_are_one_clear_error(names: object) -> None:
    with pytest.raises(UsageError):
        Vocabulary.parse(names)  # type: ignore[arg-type]


def test_thousands_of_names() -> None:
    names = [f"thing {index}" for index in range(5000)]
    assert len(Vocabulary.parse(names)) == 5000


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("dog", ("Sky", "WALL", "couch")),
        ("sky", ("WALL", "couch")),
        ({"heaven": "SKY", "sofa": "couch"}, ("WALL",)),
        ({"Couch": "seat", "wall": "wall"}, ("Sky",)),
        ("sky_, couch ", ("WALL",)),
    ],
)
def test_nothing_asked_for_in_any_wording_is_a_rival(names: Any, left: tuple[str, ...]) -> None:
    background = ("Sky", "WALL", "couch", "Sky")
    assert rivals(background, Vocabulary.parse(names).texts) == left
