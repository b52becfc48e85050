"""Which reader reads what; the account of a reading; pictures that files name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

import lexiseg
from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.read_context import PictureAccess, ReadContext
from lexiseg.io.reader import Outline, Reader, Source, detect_format, read_results
from lexiseg.io.report import Report
from lexiseg.registry import READERS, WRITERS

SECRET = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n"
SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


def coco(*names, size=(16, 20)):
    numbered = list(enumerate(names, start=1))
    return {
        "images": [
            {"id": n, "file_name": name, "height": size[0], "width": size[1]}
            for n, name in numbered
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "segmentation": [SQUARE]}
            for n, _ in numbered
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }


def picture(path, size=(16, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], "red").save(path)
    return path


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A data set, a user's home with a key and a photo beside it, and another working folder."""
    (tmp_path / "home" / "set").mkdir(parents=True)
    (tmp_path / "home" / "id_rsa").write_bytes(SECRET)
    (tmp_path / "home" / "id_rsa.png").write_bytes(SECRET)
    picture(tmp_path / "home" / "private.png")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def write(*names):
        path = tmp_path / "home" / "set" / "in.json"
        path.write_text(json.dumps(coco(*names)))
        return path

    return write


def test_read_is_public_and_gives_results_with_their_account(world):
    source = world("a.png", "b.png")
    reading = lexiseg.read(source)
    assert [result.instances[0].mask.area for result in reading] == [36, 36]
    assert (reading.report.read.pictures, reading.report.read.regions) == (2, 2)
    assert reading.report.summary() == "2 pictures and 2 regions read"
    assert reading.format == "coco"


def test_of_several_readers_the_highest_ranked_reads(tmp_path, monkeypatch):
    for name, rank in (("low", 200), ("high", 300), ("middle", 250)):
        reader = Reader(lambda source: True, lambda source, context: iter(()), rank=rank)
        monkeypatch.setitem(READERS._targets, name, reader)
    assert detect_format(tmp_path) == "high"


@pytest.mark.parametrize("to", ["yolo", "overlay"])
@pytest.mark.parametrize(
    "name",
    [
        "../id_rsa",
        "../private.png",
        "..\\private.png",
        "{home}/id_rsa",
        "{home}/private.png",
        "sub/../../private.png",
        "link.png",
        "linked/private.png",
        "id_rsa.png",
    ],
)
def test_no_file_outside_the_folder_of_the_annotations_is_copied(world, tmp_path, name, to):
    home = tmp_path / "home"
    (home / "set" / "link.png").symlink_to(home / "private.png")
    (home / "set" / "linked").symlink_to(home)
    (home / "set" / "id_rsa.png").write_bytes(SECRET)  # inside, but no picture
    done = convert(world(name.format(home=home)), to, tmp_path / "out")
    assert done.report.skipped == {"image not found": 1}
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(path.suffix in (".png", ".jpg", "") for path in written)


def test_paths_are_followed_when_they_are_trusted_and_pictures(world, tmp_path):
    home = tmp_path / "home"
    source = world(str(home / "private.png"), "../private.png", "../id_rsa")
    done = convert(source, "yolo", tmp_path / "out", trust_paths=True)
    assert done.report.skipped == {"image not found": 1}
    assert len(list((tmp_path / "out" / "yolo" / "images").iterdir())) == 2


def test_the_users_folder_of_pictures_comes_first(world, tmp_path):
    given = picture(tmp_path / "photos" / "x" / "a.png")
    other = picture(tmp_path / "photos" / "b.png")
    picture(tmp_path / "home" / "set" / "b.png")
    names = ("x/a.png", "x\\a.png", "C:\\Users\\me\\b.png", "b.png", "x/none.png")
    results = list(read_results(world(*names), images=tmp_path / "photos"))
    assert [r.path for r in results[:2]] == [given, given]
    assert results[2].path == other
    assert results[4].path.as_posix() == "x/none.png"
    with pytest.raises(UsageError, match="expected the folder of the pictures"):
        read_results(world("a.png"), images=tmp_path / "absent")


def test_one_picture_is_not_taken_for_two_names(world, tmp_path):
    found = picture(tmp_path / "photos" / "a.png")
    first, second = read_results(world("x/a.png", "y/a.png"), images=tmp_path / "photos")
    assert first.path == found
    assert second.path.as_posix() == "y/a.png"


@pytest.mark.parametrize("place", ["set/a.png", "set/images/a.png", "images/a.png"])
def test_pictures_lie_beside_or_in_a_folder_of_images(world, tmp_path, place):
    expected = picture(tmp_path / "home" / place)
    (result,) = read_results(world("a.png"))
    assert result.path == expected


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000, "", ".", "..", "/", "\\", "a/\ud800.png"])
def test_impossible_names_are_names_of_nothing(world, tmp_path, name):
    path = tmp_path / "home" / "set" / "in.json"
    path.write_text(json.dumps(coco(name)))
    done = convert(path, "yolo", tmp_path / "out")
    assert done.report.skipped == {"image not found": 1}


def test_a_writer_counts_what_it_cannot_write(result, empty_result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gone = replace(result, path=result.path.with_name("gone.png"))
    WRITERS["json"]([gone, empty_result], tmp_path, name="results")
    done = convert(tmp_path, "overlay", tmp_path / "new")
    assert [path.name for path in done.paths] == ["empty.overlay.jpg"]
    assert done.report.written.pictures == 1 and done.report.skipped == {"image not found": 1}
    assert "1 picture and 0 regions written" in done.report.summary()


def test_pictures_of_a_run_are_found_from_where_it_was_started(result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = replace(result, path=result.path.relative_to(tmp_path))
    WRITERS["json"]([here], tmp_path / "run", name="results")
    (again,) = read_results(tmp_path / "run")
    assert again.path == here.path
    assert not convert(tmp_path / "run", "yolo", tmp_path / "new").report.skipped


def test_odd_records_cost_themselves(result, tmp_path):
    (path,) = WRITERS["json"]([result, result], tmp_path, name="results")
    first, second = path.read_text("utf-8").splitlines()
    odd = json.loads(second)
    odd["instances"][0]["segmentation"] = {"size": [4, 4], "counts": [16]}
    odd["instances"][1]["label"] = ["dog"]
    lines = (first, "[1]", "[" * 100_000, json.dumps({**odd, "size": [-2, -2]}), json.dumps(odd))
    path.write_text("\n".join(lines), "utf-8")
    reading = read_results(path)
    assert [len(r.instances) for r in reading] == [5, 3]
    entries = [skip.entry for skip in reading.report.skips]
    assert entries == ["line 2", "line 3", "line 4", "line 5, region 1", "line 5, region 2"]


def test_a_readers_format_is_chosen_by_rank(monkeypatch, tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(coco("a.png")))
    low = Reader(lambda source: True, lambda source, context: iter([]), rank=1)
    high = Reader(lambda source: True, lambda source, context: iter([]))
    monkeypatch.setattr(READERS, "_targets", {**READERS._targets, "low": low})
    assert detect_format(tmp_path / "in.json") == "coco"
    monkeypatch.setattr(READERS, "_targets", {**READERS._targets, "high": high})
    assert detect_format(tmp_path / "in.json") == "high"
    assert list(read_results(tmp_path / "in.json")) == []


def test_an_outline_tells_keys_and_those_of_entries():
    assert Outline.of({"a": [{"b": 1}, 3, {"c": 2}], "d": 4}) == Outline(
        frozenset("ad"), {"a": frozenset("bc"), "d": frozenset()}
    )
    assert Outline.of([{"x": 1}]).entries == {"": frozenset("x")}
    assert Outline.of(3) == Outline(frozenset(), {"": frozenset()})


def test_hidden_files_are_not_of_the_source(tmp_path):
    for name in ("b.json", "a.json", "._a.json", ".hidden/c.json", "sub/d.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    source = Source(tmp_path)
    assert [path.name for path in source.files("*.json")] == ["a.json", "b.json"]
    assert [path.name for path in source.files("*/*.json")] == ["d.json"]


def test_access_follows_links(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        picture(folder / "a.png")
    (inside / "link").symlink_to(outside)
    access = PictureAccess((inside,))
    assert access.allows(inside / "a.png") and not access.allows(inside / "link" / "a.png")
    assert PictureAccess(everything=True).allows(outside / "a.png")
    assert not access.allows(inside / ".." / "out" / "a.png")


def test_strict_names_the_first_entry(tmp_path):
    context = ReadContext(report=Report(strict=True))
    with pytest.raises(UsageError, match="annotation 7: malformed entry"):  # noqa: SIM117
        with context.entry(tmp_path / "a.json", "annotation 7"):
            raise KeyError("x")
