"""Tasks for Label Studio: every shape comes back, in our reader and in the program's own tools."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.reader import read_results
from lexiseg.io.report import Report
from lexiseg.io.writer import Destination
from lexiseg.registry import WRITERS
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

RING = np.zeros((16, 20), bool)
RING[3:12, 5:17] = True
RING[5:9, 8:12] = False
RING[14:, :2] = True  # a second part


def answer(*items, path=Path("photos/a b+c.png"), refused=(), method="car"):
    kept = [Presence(label, score, True, "kept") for label, score, _ in items]
    names = [entry.name for entry in (*kept, *refused)]
    found = tuple(Instance(label, score, Mask.from_array(mask)) for label, score, mask in items)
    presence = PresenceTrace([*kept, *refused])
    size_hw = found[0].mask.size_hw if found else (16, 20)
    whole = Instances(found, size_hw)
    return Result(size_hw, tuple(names), whole, presence, Recipe(method, "mini"), path)


def write(result, folder, name="label-studio", **options):
    path, interface = WRITERS[name]([result], folder, name="all", **options)
    return path, interface, json.loads(path.read_text(encoding="utf-8"))


def regions(task):
    return (task.get("predictions") or task["annotations"])[0]["result"]


@given(mask=arrays.arrays(bool, (16, 20)).filter(np.any))
@pytest.mark.parametrize("name", ["label-studio", "label-studio-polygons"])
def test_masks_come_back_pixel_for_pixel(name, mask, tmp_path_factory):
    options = {"tolerance": 0} if "polygons" in name else {}
    folder = tmp_path_factory.mktemp("tasks")
    path, _, _ = write(answer(("red <car> & co", 0.5, mask)), folder, name, **options)
    (again,) = read_results(path, strict=True)
    (item,) = again.instances
    assert (item.label, item.score) == ("red <car> & co", 0.5)
    assert np.array_equal(item.mask.to_array(), mask)


def test_polygons_and_boxes_are_percents_of_the_picture(tmp_path):
    box = np.zeros((10, 40), bool)
    box[2:7, 8:20] = True
    result = answer(("car", 0.5, box))
    (task,) = write(result, tmp_path, "label-studio-polygons")[2]
    corners = [[20, 20], [50, 20], [50, 70], [20, 70]]
    assert regions(task)[0]["value"] == {
        "points": corners,
        "closed": True,
        "polygonlabels": ["car"],
    }
    (task,) = write(result, tmp_path, "label-studio-boxes")[2]
    assert regions(task)[0]["value"] == {
        "x": 20, "y": 20, "width": 30, "height": 50, "rotation": 0, "rectanglelabels": ["car"],
    }  # fmt: skip


def test_a_region_has_what_the_program_needs_and_a_number_of_its_own(tmp_path):
    _, _, (task,) = write(answer(("car", 0.5, RING), ("dog", 0.9, ~RING)), tmp_path)
    first, second = regions(task)
    assert {**first, "id": 0, "value": 0} == {
        "id": 0, "from_name": "label", "to_name": "image", "type": "brushlabels", "value": 0,
        "original_width": 20, "original_height": 16, "image_rotation": 0, "score": 0.5,
    }  # fmt: skip
    assert first["id"] != second["id"]
    assert task["data"] == {"image": "/data/local-files/?d=photos/a%20b%2Bc.png"}
    assert task["predictions"][0]["score"] == pytest.approx(0.7)
    assert task["predictions"][0]["model_version"] == "lexiseg car/mini"


def test_refused_names_stand_in_the_meta_and_come_back(tmp_path):
    zebra = Presence("zebra", 0.125, False, "removed in step 1")
    path, _, (task,) = write(answer(("car", 0.5, RING), refused=[zebra]), tmp_path)
    assert task["meta"]["presence"][1] == zebra.to_json()
    (again,) = read_results(path)
    assert again.presence.kept == ("car",)
    assert (again.presence["zebra"].kept, again.presence["zebra"].score) == (False, 0.125)


def test_what_people_drew_stays_an_annotation(tmp_path):
    result = answer(("car", 1.0, RING), method="file")
    _, _, (task,) = write(result, tmp_path)
    assert "predictions" not in task and len(task["annotations"][0]["result"]) == 1


def test_the_interface_lists_every_name(tmp_path):
    zebra = Presence('a "zebra"', 0.1, False, "no")
    bell = Presence("a\a", 0.1, False, "no")
    result = answer(("car", 0.5, RING), refused=[zebra, bell])
    report = Report()
    WRITERS["label-studio-boxes"].write([result], Destination(tmp_path, "all", report=report))
    view = ElementTree.parse(tmp_path / "all.label-studio-boxes.xml").getroot()
    control = view.find("RectangleLabels")
    assert [label.get("value") for label in control] == ["car", 'a "zebra"']
    assert (control.get("toName"), view.find("Image").get("value")) == ("image", "$image")
    assert report.skipped == {"name that XML cannot hold": 1}


def test_an_empty_region_is_left_out_and_told(tmp_path):
    result = answer(("car", 0.5, RING), ("dog", 0.5, RING & False))
    WRITERS["json"]([result], tmp_path, name="results")
    done = convert(tmp_path / "results.jsonl", "label-studio", tmp_path / "out")
    assert done.report.skipped == {"empty mask": 1}
    with pytest.raises(UsageError, match="empty mask"):
        convert(tmp_path / "results.jsonl", "label-studio", tmp_path / "new", strict=True)


def test_the_programs_own_converter_reads_the_tasks(tmp_path):
    converter = pytest.importorskip("label_studio_sdk.converter", reason="extra label-studio")
    path, interface, tasks = write(answer(("car", 0.5, RING), ("dog", 1.0, ~RING)), tmp_path)
    for task in tasks:  # as the program exports a prediction that was accepted
        task["id"], task["annotations"] = 7, [{"id": 3, **task.pop("predictions")[0]}]
    path.write_text(json.dumps(tasks))
    done = converter.Converter(interface.read_text(), str(tmp_path))
    (tmp_path / "brushes").mkdir()
    done.convert(str(path), str(tmp_path / "brushes"), "BRUSH_TO_NUMPY", is_dir=False)
    found = sorted((tmp_path / "brushes").glob("*.npy"))
    masks = [np.load(file) > 0 for file in found]
    assert len(masks) == 2 and np.array_equal(masks, [RING, ~RING])


def test_the_programs_own_converter_makes_the_same_coco_polygons(tmp_path):
    converter = pytest.importorskip("label_studio_sdk.converter", reason="extra label-studio")
    box = np.zeros((16, 20), bool)
    box[2:7, 8:20] = True
    for name in ("label-studio-polygons", "label-studio-boxes"):
        path, interface, tasks = write(answer(("car", 0.5, box)), tmp_path, name)
        for task in tasks:
            task["id"], task["annotations"] = 7, [{"id": 3, **task.pop("predictions")[0]}]
        path.write_text(json.dumps(tasks))
        done = converter.Converter(interface.read_text(), str(tmp_path), download_resources=False)
        done.convert_to_coco(str(path), str(tmp_path / name), is_dir=False)
        coco = json.loads((tmp_path / name / "result.json").read_text())
        assert [entry["bbox"] for entry in coco["annotations"]] == [[8, 2, 12, 5]]
