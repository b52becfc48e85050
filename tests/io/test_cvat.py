"""Files of "CVAT for images": each kind of shape, and what a file may hold besides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import lexiseg
from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.cvat import read_cvat
from lexiseg.io.reader import detect_format, read_results

POLYGON = '<polygon label="cat" source="manual" occluded="0" points="2,2;8,2;8,8;2,8" z_order="0"/>'
META = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>3</id><labels>
<label><name>cat</name><color>#ff0000</color><attributes></attributes></label>
<label><name>dog</name><color>#00ff00</color></label>
</labels></task></meta>"""


def image(*shapes, number=5, name="a.png", size='width="20" height="16"', more=""):
    return f'<image id="{number}" name="{name}" {size} {more}>{"".join(shapes)}</image>'


def cvat(folder, *parts):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "annotations.xml"
    path.write_text(META + "".join(parts) + "</annotations>", encoding="utf-8")
    return path


def read(source, **options):
    reading = read_results(source, **options)
    return list(reading), reading.report


def picture(path, size_wh=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (90, 90, 90)).save(path)
    return path


def mask_shape(mask, label="cat"):
    """As cvat-sdk's ``masks.encode_mask`` writes one: runs over the rows of its box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    runs, value = [0], False
    for pixel in crop.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    text = ", ".join(map(str, runs))
    return (
        f'<mask label="{label}" rle="{text}" left="{columns[0]}" top="{rows[0]}" '
        f'width="{crop.shape[1]}" height="{crop.shape[0]}" z_order="0"/>'
    )


@given(mask=arrays.arrays(bool, (16, 20)).filter(np.any))
def test_masks_are_exact(mask, tmp_path_factory):
    path = cvat(tmp_path_factory.mktemp("cvat"), image(mask_shape(mask)))
    (result,) = read_cvat(path)
    assert np.array_equal(result.instances[0].mask.to_array(), mask)


@pytest.mark.parametrize(
    ("shape", "box_xywh", "area"),
    [
        (POLYGON, (2, 2, 6, 6), 36),
        ('<box label="cat" xtl="2.0" ytl="2.0" xbr="8" ybr="8"/>', (2, 2, 6, 6), 36),
        ('<box label="cat" xtl="2" ytl="6" xbr="14" ybr="10" rotation="90"/>', (6, 2, 4, 12), 48),
        ('<ellipse label="cat" cx="10" cy="8" rx="4" ry="4"/>', (6, 4, 8, 8), 52),
        (
            '<ellipse label="cat" cx="10" cy="8" rx="6" ry="2" rotation="90.0"/>',
            (8, 2, 4, 12),
            None,
        ),
    ],
)
def test_shapes(shape, box_xywh, area, tmp_path):
    ((result,), report) = read(cvat(tmp_path, image(shape)))
    (item,) = result.instances
    assert item.mask.bbox == box_xywh and area in (None, item.mask.area)
    assert report.skipped == {}
    assert result.names == ("cat",)
    assert {name: c.number for name, c in result.origin.categories.items()} == {"cat": 1, "dog": 2}
    assert (result.origin.image_id, result.origin.file_name) == (5, "a.png")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<points label="cat" points="1,1;2,2"/>', "without area"),
        ('<polyline label="cat" points="1,1;2,2;4,4"/>', "without area"),
        ('<skeleton label="cat"><points label="x" points="1,1"/></skeleton>', "without area"),
        ('<cuboid label="cat" xtl1="1"/>', "unknown shape"),
        ('<polygon label="cat" points="1,1;2,2"/>', "three corners"),
        ('<polygon label="cat" points="1,1;2;3,3"/>', "malformed"),
        ('<polygon label="cat" points="1,1;nan,2;3,3"/>', "malformed"),
        ('<polygon label="cat"/>', "malformed"),
        ('<polygon points="2,2;8,2;8,8"/>', "without label"),
        ('<polygon label="cat" points="50,50;60,50;60,60"/>', "empty shape"),
        ('<box label="cat" xtl="1" ytl="1" xbr="x" ybr="4"/>', "malformed"),
        ('<mask label="cat" rle="0, 4" left="0" top="0" width="3" height="2"/>', "another size"),
        ('<mask label="cat" rle="-2, 8" left="0" top="0" width="3" height="2"/>', "another size"),
        ('<mask label="cat" rle="0, 6" left="19" top="0" width="3" height="2"/>', "outside"),
        ('<mask label="cat" left="0" top="0" width="3" height="2"/>', "malformed"),
    ],
)
def test_an_odd_shape_costs_itself_and_is_named(shape, reason, tmp_path):
    ((result,), report) = read(cvat(tmp_path, image(POLYGON, shape)))
    assert [item.mask.area for item in result.instances] == [36]
    (skip,) = report.skips
    assert reason in skip.reason and "annotations.xml, image 5, shape 2 (" in str(skip)


def test_shapes_of_a_group_are_one_region_and_tags_are_none(tmp_path):
    boxes = [
        f'<box label="{label}" xtl="{x}" ytl="1" xbr="{x + 2}" ybr="3" group_id="{group}"/>'
        for label, x, group in (("cat", 1, 4), ("cat", 5, 4), ("dog", 9, 4), ("cat", 12, 0))
    ]
    tag = '<tag label="dog" source="manual"></tag>'
    ((result,), report) = read(cvat(tmp_path, image(tag, *boxes)))
    areas = [(item.label, item.mask.area) for item in result.instances]
    assert areas == [("cat", 8), ("dog", 4), ("cat", 4)]
    assert report.skipped == {}


def test_a_folder_of_the_export(tmp_path):
    photos = [
        picture(tmp_path / f"images/{place}") for place in ("a.png", "train/b.png", "c d.png")
    ]
    cvat(
        tmp_path,
        image(POLYGON),
        image(name="b.png", number=6, more='subset="train"'),
        image(POLYGON, name="c d.png", number="7"),
        image(POLYGON, size='width="20"', number=8),
        '<track id="0" label="cat"><box frame="0" xtl="1" ytl="1" xbr="3" ybr="3"/></track>',
    )
    assert detect_format(tmp_path) == "cvat"
    results, report = read(tmp_path)
    assert [result.path for result in results] == photos
    assert [len(result.instances) for result in results] == [1, 0, 1]
    assert report.skipped == {"malformed entry": 1, "track of a video": 1}
    done = convert(tmp_path, "yolo", tmp_path / "out")
    assert sum(path.parent.name == "images" for path in done.paths) == 3


def test_it_is_read_from_python_with_the_pictures_elsewhere(tmp_path):
    photo = picture(tmp_path / "photos/a.png")
    reading = lexiseg.read(cvat(tmp_path / "x", image(POLYGON)), images=tmp_path / "photos")
    (result,) = reading
    assert result.path == photo and reading.format == "cvat"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<annotations><image",
        "<annotation><object/></annotation>",
        "<html></html>",
        '<?xml version="1.0" encoding="x"?><annotations/>',
    ],
)
def test_a_file_that_is_none_is_one_sentence(content, tmp_path):
    path = tmp_path / "annotations.xml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"annotations\.xml") as caught:
        list(read_cvat(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError):
        list(read_results(path))


def test_entities_are_not_blown_up(tmp_path):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 9))
    path = tmp_path / "annotations.xml"
    path.write_text(
        f'<!DOCTYPE annotations [<!ENTITY e0 "lol">{entities}]><annotations>&e8;</annotations>'
    )
    with pytest.raises(UsageError, match=r"annotations\.xml"):
        list(read_cvat(path))


@given(st.binary(max_size=200))
def test_any_bytes_are_one_sentence(tmp_path_factory, content):
    assume(content.strip() != b"</annotations>")  # a file without pictures is one
    path = tmp_path_factory.mktemp("cvat") / "a.xml"
    path.write_bytes(b"<annotations>" + content)
    with pytest.raises(UsageError):
        list(read_cvat(path))
