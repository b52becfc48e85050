"""Exports of Label Studio: each kind of region, and what a task may be like."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.label_studio import read_label_studio
from lexiseg.io.reader import detect_format, read_results
from lexiseg.ops.brush_rle import encode_brush

MASK = np.zeros((16, 20), bool)
MASK[3:9, 5:17] = True
MASK[5:7, 8:10] = False
BOX = {"x": 10, "y": 12.5, "width": 30, "height": 37.5, "rotation": 0}  # 6 x 6 pixels at (2, 2)


def region(value, kind="rectanglelabels", name="cat", **changes):
    entry = {
        "id": "r1", "type": kind, "original_width": 20, "original_height": 16,
        "image_rotation": 0, "from_name": "label", "to_name": "image",
        "value": {**value, kind: [name] if name else []},
    }  # fmt: skip
    return {**entry, **changes}


def task(*regions, image="/data/upload/3/0a1b2c3d-a.png", number=7, **changes):
    annotation = {"id": 1, "was_cancelled": False, "result": list(regions)}
    return {"id": number, "data": {"image": image}, "annotations": [annotation], **changes}


def read(folder, *tasks, **options):
    path = folder / "export.json"
    path.write_text(json.dumps(list(tasks)))
    reading = read_results(path, **options)
    return list(reading), reading.report


def picture(path, size_wh=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (90, 90, 90)).save(path)
    return path


def png_address(mask):
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def brush(mask=MASK):
    return {"format": "rle", "rle": encode_brush(mask.astype(np.uint8) * 255)}


def test_brushes_and_bit_masks_are_exact(tmp_path):
    ((result,), report) = read(
        tmp_path,
        task(
            region(brush(), "brushlabels"),
            region({"imageDataURL": png_address(MASK)}, "bitmasklabels", "dog"),
        ),
    )
    assert [np.array_equal(item.mask.to_array(), MASK) for item in result.instances] == [True, True]
    assert result.names == result.presence.kept == ("cat", "dog")
    assert report.skipped == {} and result.origin.image_id == 7


@pytest.mark.parametrize(
    ("value", "kind", "box_xywh", "area"),
    [
        (BOX, "rectanglelabels", (2, 2, 6, 6), 36),
        ({**BOX, "x": 50, "y": 25, "rotation": 90}, "rectanglelabels", (4, 4, 6, 6), 36),
        ({**BOX, "x": 50, "y": 50, "rotation": 180}, "rectanglelabels", (4, 2, 6, 6), 36),
        (
            {"points": [[10, 12.5], [40, 12.5], [40, 50], [10, 50]], "closed": True},
            "polygonlabels",
            (2, 2, 6, 6),
            36,
        ),
        ({"x": 50, "y": 50, "radiusX": 20, "radiusY": 25}, "ellipselabels", (6, 4, 8, 8), 52),
        (
            {"x": 50, "y": 50, "radiusX": 30, "radiusY": 12.5, "rotation": 90},
            "ellipselabels",
            (8, 2, 4, 12),
            None,
        ),
    ],
)
def test_shapes_are_percents_of_the_picture(value, kind, box_xywh, area, tmp_path):
    ((result,), _) = read(tmp_path, task(region(value, kind)))
    (item,) = result.instances
    assert item.mask.bbox == box_xywh
    assert area is None or item.mask.area == area


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (region({"x": 5, "y": 5, "width": 0.4}, "keypointlabels"), "without area"),
        (region({"points": [[1, 1], [9, 9]]}, "polygonlabels"), "three corners"),
        (region(BOX, name=None, id="r2"), "without label"),
        (region({"format": "rle", "rle": [1, 2]}, "brushlabels"), "malformed"),
        (region({"format": "rle", "rle": "x"}, "brushlabels"), "damaged brush"),
        (region({"format": "rle", "rle": [300]}, "brushlabels"), "damaged brush"),
        (region(brush(MASK & False), "brushlabels"), "empty shape"),
        (region({**BOX, "x": None}), "malformed"),
        (region(BOX, image_rotation=90), "turned picture"),
        (region(BOX, item_index=2), "further page"),
        (region(BOX, original_width=99), "another size"),
    ],
)
def test_an_odd_region_costs_itself_and_is_named(odd, reason, tmp_path):
    ((result,), report) = read(tmp_path, task(region(BOX), odd))
    assert [item.mask.area for item in result.instances] == [36]
    (skip,) = report.skips
    assert reason in skip.reason and "export.json, task 7, region" in str(skip)


def test_labels_and_texts_may_be_entries_of_their_own(tmp_path):
    plain = {**region({}, "rectangle"), "value": BOX}
    labelled = {**region({}, "labels"), "value": {**BOX, "labels": ["cat", "pet"]}}
    choice = {**region({}, "choices"), "value": {"choices": ["indoor"]}}
    ((result,), report) = read(tmp_path, task(plain, labelled, choice))
    assert [(item.label, item.mask.area) for item in result.instances] == [("cat", 36), ("pet", 36)]
    assert report.skipped == {}


def test_of_several_annotations_one_is_read_and_the_others_are_told(tmp_path):
    annotations = [
        {"id": 1, "was_cancelled": True, "result": [region(BOX, name="no")]},
        {"id": 2, "result": [region(BOX, name="second")]},
        {"id": 3, "ground_truth": True, "result": [region(BOX, name="truth")]},
    ]
    ((result,), report) = read(tmp_path, task(annotations=annotations))
    assert result.instances.labels == ("truth",)
    assert report.skipped == {"another annotation of the same picture": 1}


def test_predictions_are_read_where_nobody_answered(tmp_path):
    guess = [{"result": [region(BOX, score=0.25)]}]
    ((result,), _) = read(tmp_path, task(annotations=[], predictions=guess))
    assert result.instances[0].score == 0.25
    ((result,), _) = read(tmp_path, task(region(BOX, name="mine"), predictions=guess))
    assert result.instances.labels == ("mine",)


def test_the_short_form(tmp_path):
    entry = {
        "image": "/data/upload/3/0a1b2c3d-a.png", "id": 7, "annotation_id": 9, "lead_time": 3.5,
        "label": [{**BOX, "rectanglelabels": ["cat"], "original_width": 20, "original_height": 16}],
        "tag": [{**brush(), "brushlabels": ["dog"], "original_width": 20, "original_height": 16}],
    }  # fmt: skip
    ((result,), report) = read(tmp_path, entry)
    areas = [(item.label, item.mask.area) for item in result.instances]
    assert areas == [("cat", 36), ("dog", int(MASK.sum()))] and report.skipped == {}


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/data/upload/3/0a1b2c3d-a.png", "images/0a1b2c3d-a.png"),
        ("/data/upload/3/0a1b2c3d-a.png", "a.png"),
        ("/data/local-files/?d=set/a%20b.png", "set/a b.png"),
        ("http://host/x/a.png?token=1", "images/a.png"),
        ("s3://bucket/deep/a.png", "a.png"),
        ("C:\\photos\\a.png", "images/a.png"),
    ],
)
def test_pictures_are_found_by_their_addresses(address, place, tmp_path):
    photo = picture(tmp_path / place)
    ((result,), _) = read(tmp_path, task(region(BOX), image=address))
    assert result.path.samefile(photo)
    done = convert(tmp_path / "export.json", "overlay", tmp_path / "out")
    assert done.report.skipped == {}


def test_a_task_without_regions_is_a_picture_without_regions(tmp_path):
    picture(tmp_path / "a.png", (30, 40))
    results, report = read(tmp_path, task(image="a.png"), task(image="gone.png", number=8))
    assert [(result.size_hw, len(result.instances)) for result in results] == [((40, 30), 0)]
    assert results[0].names == ()
    assert report.skipped == {"picture of unknown size": 1}
    assert report.skips[0].entry == "task 8"


def test_a_folder_of_the_export_is_recognised(tmp_path):
    picture(tmp_path / "images/0a1b2c3d-a.png")
    (tmp_path / "result.json").write_text(json.dumps([task(region(BOX))]))
    (tmp_path / "notes.json").write_text('{"categories": []}')
    assert detect_format(tmp_path) == "label-studio"
    reading = read_results(tmp_path)
    (result,) = reading
    assert result.path.is_file() and len(reading.report.notes) == 1


@pytest.mark.parametrize("content", ["{", "3", "[3]"])
def test_a_file_that_is_none_is_one_sentence(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UsageError, match=r"a\.json") as caught:
        list(read_label_studio(tmp_path / "a.json"))
    assert "\n" not in str(caught.value)
