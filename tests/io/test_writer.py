"""Safe names, whole files, no silent overwriting: for every registered format."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import OutputError
from lexiseg.io.writer import Destination, Writer, slug
from lexiseg.registry import WRITERS
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_a_slug_is_a_bounded_portable_file_name(text):
    name = slug(text)
    assert 0 < len(name.encode()) <= 100
    assert not set(name) & set('/\\:*?"<>|\0\n\u202e')
    assert name == name.strip(" .")
    assert name.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=string.ascii_letters[:3] + "/. ü🐕-_", max_size=5), unique=True))
def test_different_texts_have_different_slugs(texts):
    assert len({slug(text) for text in texts}) == len(texts)


def test_plain_names_stay_as_they_are():
    for name in ("street", "red car", "köln-2024_01 (2)", "a.b", "狗"):
        assert slug(name) == name
    assert slug("x" * 10_000) != slug("x" * 10_001)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_no_format_overwrites_silently(name, result, tmp_path):
    paths = result.save(tmp_path / "out", formats=[name])
    assert paths
    assert all(path.is_file() for path in paths)
    before = {path: path.read_bytes() for path in paths}
    with pytest.raises(OutputError, match="overwrite"):
        result.save(tmp_path / "out", formats=[name])
    assert {path: path.read_bytes() for path in paths} == before
    assert sorted(result.save(tmp_path / "out", formats=[name], overwrite=True)) == sorted(paths)
    assert {path: path.read_bytes() for path in paths} == before
    written = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert written == set(paths)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_folder_that_cannot_be_written_is_one_sentence(name, result, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError) as caught:
        result.save(tmp_path / "file" / "below", formats=[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_format_takes_a_result_without_regions(name, empty_result, tmp_path):
    for path in empty_result.save(tmp_path / "out", formats=[name]):
        assert path.is_file()


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_format_takes_awkward_labels_and_a_one_pixel_picture(name, tmp_path):
    labels = ("a/b\\c:d", "x" * 10_000, "\u202eעברית", "🦓\ud83d", "nul", "..", "=1+1", 'a"b,\nc')
    mask = Mask.from_array(np.ones((1, 1), dtype=bool))
    items = tuple(Instance(label, 0.5, mask) for label in labels)
    presence = PresenceTrace([Presence(label, 0.5, True, "") for label in labels])
    image = np.zeros((1, 1, 3), np.uint8)
    found = Instances(items, (1, 1))
    recipe = Recipe("car", "mini")
    result = Result((1, 1), labels, found, presence, recipe, image=image)
    for path in result.save(tmp_path, formats=[name], name="../../evil"):
        assert path.is_file()
        assert tmp_path.resolve() in path.resolve().parents


def test_every_writer_says_its_scope():
    for name in WRITERS:
        assert isinstance(WRITERS[name], Writer)
        assert WRITERS[name].scope in ("image", "collection")


def test_an_image_writer_given_several_results_numbers_them(result, empty_result, tmp_path):
    paths = WRITERS["png"](iter([result, empty_result]), tmp_path, name="a")
    assert {path.name for path in paths} == {
        "a.semantic.png",
        "a.names.json",
        "a-2.semantic.png",
        "a-2.names.json",
    }


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path):
    """Names of files may hold lone surrogates, and labels come from such names."""
    path = Destination(tmp_path, "a").text(tmp_path / "a.txt", "caf\u00e9 \ud800")
    assert path.read_bytes() == b"caf\xc3\xa9 \xed\xa0\x80"
