"""Pictures by address, on fsspec's store in memory."""

from __future__ import annotations

import gc
import json

import fsspec
import pytest

from lexiseg.errors import ImageError, UsageError
from lexiseg.io.addresses import fetch, list_addresses, open_store, read_address
from lexiseg.io.convert import convert
from lexiseg.io.reader import read_results


@pytest.fixture
def store():
    store = fsspec.filesystem("memory")
    for name in ("b/2.jpg", "b/1.PNG", "b/notes.md", "b/deep/3.jpg", "other/4.jpg"):
        store.pipe_file(f"/{name}", name.encode())
    yield store
    store.rm("/", recursive=True)


def test_folders_are_searched_with_all_below_them_and_patterns_as_they_say(store):
    every = ["memory:///b/1.PNG", "memory:///b/2.jpg", "memory:///b/deep/3.jpg"]
    found = [address.replace("memory:///", "memory://") for address in every]
    listed = list_addresses(["memory://b"])
    assert [a.replace("memory:///", "memory://") for a in listed] == found
    listed = list_addresses(["memory://b/*.jpg"])
    assert [read_address(address) for address in listed] == [b"b/2.jpg"]


def test_each_picture_is_listed_once_and_a_plain_one_even_if_it_is_missing(store):
    twice = ["memory://b/2.jpg", "memory://b/2.jpg", "memory://b/9.jpg"]
    assert list_addresses(twice) == ["memory://b/2.jpg", "memory://b/9.jpg"]
    with pytest.raises(ImageError, match="does not exist"):
        read_address("memory://b/9.jpg")


def test_lists_name_addresses_and_paths(store, tmp_path):
    (tmp_path / "a.png").touch()
    listed = f"# pictures\nmemory://b/2.jpg\n\n{tmp_path / 'a.png'}\n"
    (tmp_path / "list.txt").write_text(listed)
    store.pipe_file("/list.txt", listed.encode())
    expected = ["memory://b/2.jpg", str(tmp_path / "a.png")]
    assert list_addresses([str(tmp_path / "list.txt")]) == expected
    assert list_addresses(["memory://list.txt"]) == expected


def test_a_folder_is_copied_with_all_below_it_and_a_file_alone(store, tmp_path):
    copy = fetch("memory://b", tmp_path)
    found = {str(one.relative_to(copy)) for one in copy.rglob("*") if one.is_file()}
    assert found == {"2.jpg", "1.PNG", "notes.md", "deep/3.jpg"}
    assert (copy / "deep/3.jpg").read_text() == "b/deep/3.jpg"
    assert fetch("memory://other/4.jpg", tmp_path).read_text() == "other/4.jpg"
    with pytest.raises(UsageError, match=r"^memory://nowhere does not exist; check the address\.$"):
        fetch("memory://nowhere", tmp_path)


COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 2, "width": 3}],
    "categories": [{"id": 7, "name": "dog"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 7,
            "segmentation": {"size": [2, 3], "counts": [1, 5]},
        }
    ],
}


def test_results_are_read_and_converted_by_address_and_the_copy_goes(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.pipe_file("/found/annotations.json", json.dumps(COCO).encode())
    for address in ("memory://found", "memory://found/annotations.json"):
        reading = read_results(address)
        (result,) = reading
        assert [(one.label, one.mask.area) for one in result.instances] == [("dog", 5)]
        del reading
        gc.collect()
        assert not list(tmp_path.glob("lexiseg-*"))
    convert("memory://found", "coco", tmp_path / "out")
    assert [one.instances.labels for one in read_results(tmp_path / "out")] == [("dog",)]


def test_paths_of_this_machine_are_listed_as_ever(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.png").touch()
    (tmp_path / "a.txt").write_text("b.png\n")
    assert list_addresses(["."]) == list_addresses(["a.txt"]) == list_addresses(["*.png"])
    with pytest.raises(ImageError, match="holds no picture"):
        list_addresses(["*.gif"])


def test_what_holds_nothing_or_cannot_be_reached_is_one_sentence(store):
    with pytest.raises(ImageError, match=r"memory://b/\*\.gif holds no picture"):
        list_addresses(["memory://b/*.gif"])
    with pytest.raises(ImageError, match="No picture was given"):
        list_addresses([])
    with pytest.raises(UsageError, match=r"nowhere://x cannot be reached: .*nowhere") as error:
        open_store("nowhere://x")
    assert "\n" not in str(error.value)
