"""What an entry costs that cannot be read, and where pictures are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.read_context import EntryError, PictureAccess, ReadContext
from lexiseg.io.report import Report

FILE = Path("a.json")


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (EntryError("box without mask"), "box without mask", ""),
        (EntryError("wrong size", "4 x 5"), "wrong size", "4 x 5"),
        (KeyError("points"), "malformed entry", "without 'points'"),
        (ValueError("not a number\nat all"), "malformed entry", "not a number"),
        (ValueError(), "malformed entry", "ValueError"),
        (UsageError("This is wrong."), "malformed entry", "This is wrong"),
    ],
)
def test_what_fails_costs_its_entry_and_says_why(error, reason, detail):
    context = ReadContext()
    with context.entry(FILE, "annotation 3"):
        raise error
    (skip,) = context.report.skips
    assert (skip.kind, skip.reason, skip.detail) == ("region", reason, detail)
    assert (skip.file, skip.entry) == (FILE, "annotation 3")
    with (
        pytest.raises(UsageError, match="annotation 3"),
        ReadContext(report=Report(strict=True)).entry(FILE, "annotation 3"),
    ):
        raise error


def test_faults_of_the_program_are_not_hidden():
    with pytest.raises(ZeroDivisionError), ReadContext().entry(FILE, "annotation 3"):
        _ = 1 / 0


def test_a_damaged_file_among_several_costs_itself_only():
    def read(path):
        if path.name == "b":
            raise ValueError("broken")
        return path.name

    context = ReadContext()
    assert list(context.each([Path("a"), Path("b"), Path("c")], read)) == ["a", "c"]
    assert [(skip.kind, skip.file.name) for skip in context.report.skips] == [("picture", "b")]
    with pytest.raises(ValueError, match="broken"):
        list(context.each([Path("b")], read))


@pytest.fixture
def places(tmp_path):
    """The same name in every folder that is looked into; they are taken away one by one."""
    folders = {
        "given": tmp_path / "given",
        "beside the file": tmp_path / "set" / "labels",
        "images in it": tmp_path / "set" / "labels" / "images",
        "images beside it": tmp_path / "set" / "images",
        "also": tmp_path / "also",
    }
    for folder in folders.values():
        (folder / "deep").mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(folder / "deep" / "x.png")
    return folders


@pytest.mark.parametrize("name", ["deep/x.png", "deep\\x.png", "elsewhere/deep/../../deep/x.png"])
def test_pictures_are_looked_for_in_a_fixed_order(places, name):
    context = ReadContext(images=places["given"])
    for folder in places.values():
        found = context.picture(name, places["beside the file"], also=places["also"])
        assert found == folder / "deep" / "x.png"
        found.unlink()
    assert not context.picture(name, places["beside the file"], also=places["also"]).exists()


def test_the_last_part_of_a_name_is_enough_for_one_name_only(places):
    folder = places["beside the file"]
    Image.new("RGB", (2, 2)).save(folder / "y.png")
    context = ReadContext()
    assert context.picture("/home/somebody/y.png", folder) == folder / "y.png"
    assert context.picture("/home/somebody/y.png", folder) == folder / "y.png"
    assert context.picture("/home/other/y.png", folder) == Path("/home/other/y.png")


def test_only_pictures_below_the_roots_are_open(tmp_path):
    inside, outside = tmp_path / "in" / "a.png", tmp_path / "out" / "a.png"
    access = PictureAccess(roots=(tmp_path / "in",))
    assert access.allows(inside) and not access.allows(outside)
    assert not access.allows(tmp_path / "in" / ".." / "out" / "a.png")
    assert access.allows(outside, tmp_path / "out")
    access.granted[outside] = "a.png"
    assert access.allows(outside)
    assert PictureAccess(everything=True).allows(outside)
