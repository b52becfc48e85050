"""Label maps of other tools, with their lists of names or none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.label_map_names import LabelMapNames, voc_colours
from lexiseg.io.reader import detect_format, read_results

NUMBERS = np.zeros((8, 10), np.uint8)
NUMBERS[1:4, 1:4] = 1
NUMBERS[5:7, 2:9] = 15
NUMBERS[0, :] = 255
COLOURS = [colour for colour, _ in sorted(voc_colours().items(), key=lambda pair: pair[1])]


def saved(path, pixels, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette([part for colour in COLOURS for part in colour])
    image.save(path)
    return path


def read(source, **options):
    reading = read_results(source, **options)
    return list(reading), reading.report


def areas(result):
    return {item.label: item.mask.area for item in result.instances}


def test_pascal_vocs_colours():
    """As VOCdevkit's documentation and class list give them."""
    assert COLOURS[:3] == [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
    assert (COLOURS[15], COLOURS[20], COLOURS[255]) == (
        (192, 128, 128), (0, 64, 128), (224, 224, 192),
    )  # fmt: skip
    assert len(set(COLOURS)) == 256


def test_what_is_void_is_kept_apart_from_background(tmp_path):
    saved(tmp_path / "SegmentationClass" / "a.png", np.array(COLOURS, np.uint8)[NUMBERS])
    saved(tmp_path / "grey" / "a.png", NUMBERS)
    saved(tmp_path / "whole" / "a.png", np.where(NUMBERS == 255, 0, NUMBERS))
    for folder in ("SegmentationClass", "grey"):
        ((result,), _) = read(tmp_path / folder)
        np.testing.assert_array_equal(result.origin.void.to_array(), NUMBERS == 255)
    ((result,), _) = read(tmp_path / "whole")
    assert result.origin.void is None


@pytest.mark.parametrize("form", ["palette", "grey", "colour", "sixteen"])
def test_every_form_of_map(form, tmp_path):
    path = tmp_path / "a.png"
    if form == "colour":
        saved(path, np.array(COLOURS, np.uint8)[NUMBERS])
    elif form == "sixteen":
        deep = NUMBERS.astype(np.uint16)
        deep[deep == 255] = 65535
        saved(path, deep)
    else:
        saved(path, NUMBERS, palette=form == "palette")
    ((result,), report) = read(path)
    assert areas(result) == {"class 1": 9, "class 15": 14}
    assert result.size_hw == (8, 10) and report.skipped == {}
    assert result.names == ("class 1", "class 15")


def test_black_and_white_is_one_object(tmp_path):
    mask = (NUMBERS == 15).astype(np.uint8)
    for pixels in (mask * 255, mask > 0):
        ((result,), _) = read(saved(tmp_path / "a.png", pixels))
        assert areas(result) == {"object": 14}


def test_a_number_that_a_list_names_is_not_void(tmp_path):
    saved(tmp_path / "a.png", NUMBERS)
    (tmp_path / "classes.json").write_text(json.dumps({"1": "cat", "255": "sky"}))
    ((result,), _) = read(tmp_path / "a.png")
    assert areas(result) == {"cat": 9, "class 15": 14, "sky": 10}


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("classes.txt", "cat\ndog\n", {1: "cat", 2: "dog"}),
        ("labels.txt", "background\ncat\ndog\n", {1: "cat", 2: "dog"}),
        ("labels.txt", "__ignore__\n_background_\ncat\n", {1: "cat"}),
        ("names.txt", "\ufeff0 other\n3: cat\n7,wild dog\n", {3: "cat", 7: "wild dog"}),
        ("classes.json", '["cat", "dog"]', {1: "cat", 2: "dog"}),
        ("classes.json", '{"0": "none", "5": "cat"}', {5: "cat"}),
        ("labels.json", '{"cat": 5}', {5: "cat"}),
        ("names.json", '{"names": ["background", "cat"]}', {1: "cat"}),
        (
            "labelmap.txt",
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\n",
            {1: "cat"},
        ),
    ],
)
def test_lists_of_names(name, content, wanted, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert LabelMapNames.find(tmp_path).names == wanted


@pytest.mark.parametrize("content", ["{", "3", '{"a": "b"}'])
def test_a_damaged_list_is_one_sentence(content, tmp_path):
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(UsageError, match=r"classes\.json") as caught:
        LabelMapNames.find(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("map_at", "picture_at"),
    [
        ("SegmentationClass/a.png", "JPEGImages/a.jpg"),
        ("annotations/validation/a.png", "images/validation/a.jpg"),
        ("masks/a_mask.png", "images/a.png"),
        ("a.png", "a.jpg"),
    ],
)
def test_layouts(map_at, picture_at, tmp_path):
    saved(tmp_path / map_at, NUMBERS, palette=True)
    saved(tmp_path / picture_at, np.zeros((8, 10, 3), np.uint8))
    (tmp_path / "classes.txt").write_text("cat\n")
    for source in (tmp_path, tmp_path / map_at):
        assert detect_format(source) == "label-map"
        ((result,), report) = read(source)
        assert areas(result) == {"cat": 9, "class 15": 14} and report.skipped == {}
        assert result.path.samefile(tmp_path / picture_at)
    assert convert(tmp_path, "overlay", tmp_path / "out").report.skipped == {}


def test_cvats_colours_are_those_of_its_table(tmp_path):
    pixels = np.zeros((8, 10, 3), np.uint8)
    pixels[2:4, 2:7] = (250, 50, 83)
    saved(tmp_path / "SegmentationClass/a.png", pixels)
    saved(tmp_path / "JPEGImages/a.jpg", pixels)
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\ncat:250,50,83::\n")
    ((result,), _) = read(tmp_path)
    assert areas(result) == {"cat": 10}


def test_what_is_no_label_map_costs_itself(tmp_path):
    saved(tmp_path / "a.png", NUMBERS)
    saved(tmp_path / "b.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    noise = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    saved(tmp_path / "c.png", noise)
    (tmp_path / "d.png").write_bytes(b"no picture")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    results, report = read(tmp_path)
    assert len(results) == 1
    assert [skip.file.name for skip in report.skips] == ["b.png", "c.png", "d.png"]


def test_pictures_lie_in_another_folder(tmp_path):
    saved(tmp_path / "maps/a.png", NUMBERS)
    photo = saved(tmp_path / "holiday/deep/a.jpg", np.zeros((8, 10, 3), np.uint8))
    ((result,), _) = read(tmp_path / "maps", images=tmp_path / "holiday")
    assert result.path.samefile(photo)
    ((result,), _) = read(tmp_path / "maps")
    assert result.path.name == "a.jpg" and not result.path.exists()
