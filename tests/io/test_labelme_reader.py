"""labelme files as other programs write them: the right value for each kind, or a counted skip."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.image import read_image
from lexiseg.io.labelme import write_labelme, write_labelme_polygons
from lexiseg.io.labelme_reader import read_labelme
from lexiseg.io.read_context import ReadContext
from lexiseg.io.reader import read_results
from lexiseg.io.reading import result_from_regions
from lexiseg.io.report import Report
from lexiseg.types import Instance, Mask

SQUARE = {"label": "cat", "points": [[2, 2], [8, 2], [8, 8], [2, 8]], "shape_type": "polygon"}


def labelme_file(path, shapes, **changes):
    frame = {"imagePath": "a.png", "imageData": None, "imageHeight": 16, "imageWidth": 20}
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, **frame, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def picture(path, size_wh=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (90, 90, 90)).save(path)
    return path


def png_text(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def read(source, **options):
    reading = read_results(source, **options)
    return list(reading), reading.report


def test_hand_drawn_shapes(tmp_path):
    shapes = [
        {"label": "a", "points": [[1, 1], [5, 1], [5, 4], [1, 4]], "shape_type": "polygon"},
        {"label": "b", "points": [[8, 9], [2, 6]], "shape_type": "rectangle", "group_id": None},
        {"label": "b", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "group_id": 4},
        {"label": "b", "points": [[3, 0], [4, 0], [4, 1], [3, 1]], "group_id": 4},
        {"label": "b", "points": [[2, 6], [8, 6], [8, 9], [2, 9]], "shape_type": "rectangle"},
        {"label": "c", "points": [[2, 2], [8, 2], [8, 8], [2, 8]], "shape_type": "rotation"},
        {"label": "d", "points": [[5, 2], [8, 5], [5, 8], [2, 5]], "shape_type": "quadrilateral"},
        {"label": 7, "points": [[1, 1], [5, 1], [5, 4], [1, 4]], "score": "0.5"},
    ]
    result = read_labelme(labelme_file(tmp_path / "a.json", shapes))
    assert [(item.label, item.mask.area) for item in result.instances] == [
        ("a", 12), ("b", 18), ("b", 2), ("b", 18), ("c", 36), ("d", 18), ("7", 12),
    ]  # fmt: skip
    assert [item.score for item in result.instances] == [1.0] * 6 + [0.5]


@pytest.mark.parametrize("radius", [0.8, 3, 4.25, 7])
def test_a_circle_is_the_disc_of_pixel_centres_within_its_rim(radius, tmp_path):
    shape = {"label": "a", "points": [[10, 8], [10 + radius, 8]], "shape_type": "circle"}
    (item,) = read_labelme(labelme_file(tmp_path / "a.json", [shape])).instances
    y, x = np.mgrid[:16, :20] + 0.5
    distance = np.hypot(x - 10, y - 8)
    unsure = np.abs(distance - radius) < 0.02
    assert np.array_equal(item.mask.to_array()[~unsure], (distance <= radius)[~unsure])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"label": "a", "points": [[3, 3]], "shape_type": "point"}, "shape without area"),
        ({"label": "a", "points": [[1, 1], [5, 5]], "shape_type": "line"}, "shape without area"),
        ({"label": "a", "points": [[1, 1], [5, 5]], "shape_type": "linestrip"}, "without area"),
        ({"label": "a", "points": [[1, 1]] * 8, "shape_type": "cuboid"}, "unknown shape"),
        ({"label": "a", "points": [[1, 1]], "shape_type": "circle"}, "malformed"),
        ({"label": "a", "points": [[1, 1], [4, 4]], "shape_type": "polygon"}, "three corners"),
        ({"label": "a", "points": "none", "shape_type": "polygon"}, "malformed"),
        ({"label": "a", "points": [[0, 0], [1, 1]], "shape_type": "mask"}, "without mask"),
        ({"label": "a", "points": [[0, 0]], "shape_type": "mask", "mask": "####"}, "damaged"),
        ({"label": "a", "points": [[0, 0]], "shape_type": "mask", "mask": "AAAA"}, "damaged"),
        ({"label": "a", "points": [[30, 2], [40, 2], [40, 9]]}, "empty shape"),
        ({"label": "a", "points": [[2, 2], [float("nan"), 2], [4, 9]]}, "malformed"),
        ({"label": None, "points": SQUARE["points"]}, "shape without label"),
        ({"points": [[0, 0], [1, 1]]}, "shape without label"),
        ("a", "malformed"),
    ],
)
def test_an_odd_shape_costs_itself_and_is_named(shape, reason, tmp_path):
    path = labelme_file(tmp_path / "a.json", [SQUARE, shape])
    ((result,), report) = read(path)
    assert [item.mask.area for item in result.instances] == [36]
    (skip,) = report.skips
    assert reason in skip.reason
    assert str(skip).startswith(f"{path}, shape 2")
    with pytest.raises(UsageError) as caught:
        read_labelme(path, ReadContext(report=Report(strict=True)))
    assert "a.json, shape 2" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mask_that_reaches_out_of_the_picture_is_cut(tmp_path):
    mask = png_text(np.full((6, 6), 255, np.uint8))
    shapes = [
        {"label": "a", "points": corner, "shape_type": "mask", "mask": mask}
        for corner in ([[-2, -3], [3, 2]], [[17, 14], [22, 19]], [[3.0, 4.9], [8, 10]])
    ]
    first, second, third = read_labelme(labelme_file(tmp_path / "a.json", shapes)).instances
    assert first.mask.bbox == (0, 0, 4, 3) and first.mask.area == 12
    assert second.mask.bbox == (17, 14, 3, 2) and second.mask.area == 6
    assert third.mask.bbox == (3, 4, 6, 6) and third.mask.area == 36


@pytest.mark.parametrize("flags", [{"blurry": True, "night": False}, None, [], {"cat": False}])
def test_flags_are_tags_and_no_names(flags, tmp_path):
    result = read_labelme(labelme_file(tmp_path / "a.json", [SQUARE], flags=flags))
    assert result.names == result.presence.kept == ("cat",)


@pytest.mark.parametrize(
    "name", ["../images/a.png", "..\\images\\a.png", "C:\\photos\\a.png", "a.png"]
)
def test_the_picture_is_found_as_programs_of_either_system_name_it(name, tmp_path):
    photo = picture(tmp_path / "images" / "a.png")
    labelme_file(tmp_path / "ann" / "a.json", [SQUARE], imagePath=name)
    ((result,), _) = read(tmp_path / "ann", images=tmp_path / "images")
    assert result.path.samefile(photo)
    done = convert(tmp_path / "ann", "yolo", tmp_path / "out", images=tmp_path / "images")
    assert {path.name for path in done.paths} == {"data.yaml", "a.txt", "a.png"}


def test_without_a_path_the_picture_of_the_same_name_is_meant(tmp_path):
    photo = picture(tmp_path / "a.jpg")
    for missing in ("", None):
        labelme_file(tmp_path / "a.json", [SQUARE], imagePath=missing)
        assert read_labelme(tmp_path / "a.json").path == photo


@pytest.mark.parametrize("sizes", [{}, {"imageHeight": None, "imageWidth": None}])
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_an_embedded_picture_needs_no_file(sizes, prefix, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    labelme_file(tmp_path / "ann/a.json", [SQUARE], imageData=prefix + png_text(pixels), **sizes)
    ((result,), _) = read(tmp_path / "ann")
    assert result.size_hw == (16, 20)
    assert np.array_equal(result.image, pixels)
    convert(tmp_path / "ann", "yolo", tmp_path / "y")
    assert np.array_equal(read_image(tmp_path / "y/yolo/images/a.png"), pixels)
    assert convert(tmp_path / "ann", "overlay", tmp_path / "o").report.skipped == {}
    convert(tmp_path / "ann", "labelme", tmp_path / "l")
    assert np.array_equal(read_labelme(tmp_path / "l/labelme/a.json").image, pixels)


def test_size_is_taken_from_the_picture_where_the_file_has_none(tmp_path):
    picture(tmp_path / "a.png", (30, 40))
    path = labelme_file(tmp_path / "a.json", [SQUARE], imageHeight=None, imageWidth=0)
    assert read_labelme(path).size_hw == (40, 30)
    (tmp_path / "a.png").unlink()
    with pytest.raises(UsageError, match=r"a\.json.*unknown size"):
        read_labelme(path)


def test_a_folder_may_hold_other_and_damaged_and_hidden_files(tmp_path):
    for name in ("a", "deep/b"):
        picture(tmp_path / f"{name}.png")
        labelme_file(tmp_path / f"{name}.json", [SQUARE], imagePath=f"{name[-1]}.png")
    (tmp_path / "._a.json").write_bytes(b"\0\5\x16\7")
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "cut.json").write_text('{"shapes": [')
    results, report = read(tmp_path)
    assert [result.path.name for result in results] == ["a.png", "b.png"]
    assert [skip.file.name for skip in report.skips] == ["cut.json"]
    assert len(report.notes) == 1 and "settings.json" in report.notes[0]


def test_a_file_that_is_none_is_one_sentence(tmp_path):
    for content in ("{}", "[]", '{"shapes": 3}', "3"):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(UsageError, match=r"a\.json") as caught:
            read_labelme(tmp_path / "a.json")
        assert "\n" not in str(caught.value)


regions = st.lists(
    st.tuples(
        st.sampled_from(["a", "b c", "狗"]),
        st.floats(0, 1),
        arrays.arrays(bool, (7, 9)).filter(np.any),
    ),
    max_size=4,
)


@given(regions, st.booleans())
def test_what_is_written_is_read_again(tmp_path_factory, drawn, polygons):
    items = [Instance(label, score, Mask.from_array(mask)) for label, score, mask in drawn]
    result = result_from_regions((7, 9), items, source="hand", names=["a", "never"])
    folder = tmp_path_factory.mktemp("labelme")
    if polygons:
        (path,) = write_labelme_polygons([result], folder, name="a", tolerance=0.0)
    else:
        (path,) = write_labelme([result], folder, name="a")
    again = read_labelme(path)
    assert [(item.label, item.score, item.mask) for item in again.instances] == [
        (item.label, item.score, item.mask) for item in items
    ]
    assert again.names == result.names
    assert again.presence.kept == result.presence.kept
