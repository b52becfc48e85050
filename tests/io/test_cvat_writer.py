"""Files of "CVAT for images": every shape comes back, in our reader and in the program's SDK."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.cvat_writer import row_runs
from lexiseg.io.reader import read_results
from lexiseg.registry import WRITERS
from lexiseg.types import Mask, Presence
from tests.io.test_label_studio_writer import RING, answer


@given(mask=arrays.arrays(bool, (16, 20)).filter(np.any))
@pytest.mark.parametrize("name", ["cvat", "cvat-polygons"])
def test_masks_come_back_pixel_for_pixel(name, mask, tmp_path_factory):
    options = {"tolerance": 0} if "polygons" in name else {}
    folder = tmp_path_factory.mktemp("cvat")
    (path,) = WRITERS[name]([answer(('red "car" & co', 0.5, mask))], folder, name="a", **options)
    (again,) = read_results(path, strict=True)
    (item,) = again.instances
    assert item.label == 'red "car" & co'
    assert np.array_equal(item.mask.to_array(), mask)


def slow_runs(crop):
    """The lengths one pixel at a time, from a run of zeros on."""
    runs, value = [0], False
    for pixel in crop.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@given(mask=arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2)).filter(np.any))
def test_runs_go_over_the_rows_of_the_box(mask):
    x, y, width, height = Mask.from_array(mask).bbox
    assert row_runs(Mask.from_array(mask)) == slow_runs(mask[y : y + height, x : x + width])


def test_runs_and_box_are_those_of_the_programs_sdk():
    masks = pytest.importorskip("cvat_sdk.masks", reason="extra cvat")
    for mask in (RING, ~RING):
        x, y, width, height = Mask.from_array(mask).bbox
        corners = [x, y, x + width - 1, y + height - 1]
        assert row_runs(Mask.from_array(mask)) + corners == masks.encode_mask(mask)


def test_pictures_labels_and_shapes_stand_as_the_program_writes_them(tmp_path):
    zebra = Presence("zebra", 0.1, False, "no")
    result = answer(("car", 0.5, RING), refused=[zebra])
    (path,) = WRITERS["cvat-polygons"]([result, answer(method="file")], tmp_path, name="a")
    root = ElementTree.parse(path).getroot()
    labels = [label.findtext("name") for label in root.findall("meta/task/labels/label")]
    assert labels == ["car", "zebra"]
    first, second = root.findall("image")
    assert first.attrib == {"id": "0", "name": "photos/a b+c.png", "width": "20", "height": "16"}
    assert (second.get("id"), len(second)) == ("1", 0)
    parts = [shape.attrib for shape in first]
    assert {(part["label"], part["source"], part["group_id"]) for part in parts} == {
        ("car", "auto", "1")
    }
    assert parts[1]["points"] == "0.00,14.00;2.00,14.00;2.00,16.00;0.00,16.00"


def test_boxes_have_exclusive_corners(tmp_path):
    box = np.zeros((10, 40), bool)
    box[2:7, 8:20] = True
    (path,) = WRITERS["cvat-boxes"]([answer(("car", 0.5, box))], tmp_path, name="a")
    (shape,) = ElementTree.parse(path).getroot().iter("box")
    assert [shape.get(side) for side in ("xtl", "ytl", "xbr", "ybr")] == ["8", "2", "20", "7"]
    (again,) = read_results(path)
    assert np.array_equal(again.instances[0].mask.to_array(), box)


def test_what_xml_cannot_hold_is_left_out_and_told(tmp_path):
    result = answer(("car", 0.5, RING), ("bell \a", 0.5, RING), ("dog", 0.5, RING & False))
    WRITERS["json"]([result], tmp_path, name="results")
    source = tmp_path / "results.jsonl"
    done = convert(source, "cvat", tmp_path / "out")
    assert done.report.skipped == {"name that XML cannot hold": 1, "empty mask": 1}
    (again,) = read_results(done.paths[0])
    assert again.instances.labels == ("car",)
    with pytest.raises(UsageError, match="XML"):
        convert(source, "cvat", tmp_path / "new", strict=True)


def test_numbers_of_pictures_survive(tmp_path):
    (path,) = WRITERS["cvat"]([answer(("car", 0.5, RING))], tmp_path, name="a")
    text = path.read_text().replace('<image id="0"', '<image id="41"')
    path.write_text(text)
    done = convert(path, "cvat", tmp_path / "out")
    assert ElementTree.parse(done.paths[0]).getroot().find("image").get("id") == "41"
