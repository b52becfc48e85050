"""COCO files as other tools write them: the right value for each kind, or a counted skip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.coco import write_coco, write_coco_results
from lexiseg.io.coco_reader import read_coco_results
from lexiseg.io.reader import read_results

SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]  # 6 x 6 pixels
PLAIN_RUNS = {"size": [16, 20], "counts": [34, 6, 10, 6, 10, 6, 10, 6, 10, 6, 10, 6, 200]}


def annotation(**changes):
    entry = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], "iscrowd": 0}
    return {key: value for key, value in {**entry, **changes}.items() if value != "absent"}


def coco(*annotations, **changes):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 16}],
        "annotations": list(annotations) or [annotation()],
        "categories": [{"id": 1, "name": "cat"}],
    }
    return {**content, **changes}


@pytest.fixture
def read(tmp_path):
    def read_content(content, **options):
        path = tmp_path / "in.json"
        path.write_text(json.dumps(content))
        reading = read_results(path, **options)
        return list(reading), reading.report

    return read_content


def areas(results):
    return [item.mask.area for result in results for item in result.instances]


@pytest.mark.parametrize(
    "segmentation",
    [
        [SQUARE],
        SQUARE,
        [[[2, 2], [8, 2], [8, 8], [2, 8]]],
        [[2, 2], [8, 2], [8, 8], [2, 8]],
        [SQUARE, [3, 3]],
        [SQUARE, [3, 3, 5, 5]],
        [SQUARE, []],
        [[str(value) for value in SQUARE]],
        PLAIN_RUNS,
        [[0, 0, 0, 0, 0, 0], SQUARE],
    ],
)
def test_every_way_to_write_a_polygon_is_the_same_square(read, segmentation):
    results, report = read(coco(annotation(segmentation=segmentation)))
    assert areas(results) == [36] and not report.skipped


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segmentation": [], "bbox": [10, 4, 5, 6]}, "box without mask"),
        ({"segmentation": None, "bbox": [10, 4, 5, 6]}, "box without mask"),
        ({"segmentation": "absent", "bbox": [10, 4, 5, 6]}, "box without mask"),
        ({"segmentation": []}, "no mask"),
        ({"segmentation": [[3, 3]]}, "empty polygon"),
        ({"segmentation": [[3, 3, 5, 5]]}, "empty polygon"),
        ({"segmentation": [[3, 3, 3, 3, 3, 3]]}, "empty polygon"),
        ({"segmentation": [[90, 90, 99, 90, 99, 99]]}, "empty polygon"),
        ({"segmentation": [[2, 2, 8, 2, 8, 8, 2]]}, "malformed entry"),
        ({"segmentation": [[2, 2, None, 2, 8, 8]]}, "malformed entry"),
        ({"segmentation": [[2, 2, float("nan"), 2, 8, 8]]}, "malformed entry"),
        ({"segmentation": [[2, 2, float("inf"), 2, 8, 8]]}, "malformed entry"),
        ({"segmentation": "SQUARE"}, "unknown segmentation"),
        ({"segmentation": {"size": [4, 4], "counts": [16]}}, "mask of another size"),
        ({"segmentation": {"size": [16, 20], "counts": [320]}}, "empty mask"),
        ({"segmentation": {"size": [16, 20], "counts": [2**63]}}, "malformed entry"),
        ({"segmentation": {"size": [-16, -20], "counts": [320]}}, "malformed entry"),
        ({"segmentation": {"size": 7, "counts": 8}}, "malformed entry"),
        ({"segmentation": {"counts": "x"}}, "malformed entry"),
        ({"image_id": 2}, "orphan annotation"),
        ({"image_id": None}, "entry without a number"),
        ({"image_id": "absent"}, "entry without a number"),
        ({"image_id": [1]}, "entry without a number"),
        ({"category_id": 2}, "unknown category"),
        ({"category_id": {}}, "entry without a number"),
        ({"iscrowd": 1}, "crowd"),
        ({"iscrowd": "1"}, "crowd"),
        ({"score": float("nan")}, "malformed entry"),
        ({"score": "high"}, "malformed entry"),
        ({"score": []}, "malformed entry"),
    ],
)
def test_an_odd_entry_costs_itself_and_is_named(read, tmp_path, changes, reason):
    odd = annotation(**{"id": 77, **changes})
    results, report = read(coco(annotation(), odd))
    assert areas(results) == [36]
    assert report.skipped == {reason: 1}
    (skip,) = report.skips
    assert (skip.kind, skip.file, skip.entry) == ("region", tmp_path / "in.json", "annotation 77")
    with pytest.raises(UsageError, match=r"in\.json, annotation 77: "):
        read(coco(annotation(), odd), strict=True)


@pytest.mark.parametrize("entry", [None, 3, "x", [], [1, 2]])
def test_an_entry_that_is_no_object_is_named_by_its_place(read, entry):
    results, report = read(coco(annotation(), entry))
    assert areas(results) == [36]
    assert "annotation at place 1" in str(report.skips[0])


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"id": 2, "file_name": "b.png", "width": -4, "height": -4}, "malformed entry"),
        ({"id": 2, "file_name": "b.png", "width": 1e9, "height": 1e9}, "malformed entry"),
        ({"id": 2, "file_name": "b.png", "width": float("inf"), "height": 4}, "malformed entry"),
        ({"id": 2, "file_name": "b.png", "width": 2.5, "height": 4}, "malformed entry"),
        ({"id": 2, "file_name": "b.png", "width": [4], "height": 4}, "malformed entry"),
        ({"id": 2, "file_name": "b.png"}, "picture of unknown size"),
        ({"file_name": "b.png", "width": 4, "height": 4}, "entry without a number"),
        ({"id": 1, "file_name": "b.png", "width": 4, "height": 4}, "number given twice"),
        ([], "entry that is no object"),
    ],
)
def test_an_odd_picture_costs_itself(read, image, reason):
    content = coco()
    content["images"].append(image)
    results, report = read(content)
    assert areas(results) == [36]
    assert report.skipped == {reason: 1} and report.skips[0].kind == "picture"


@pytest.mark.parametrize("name", [None, "", 3])
def test_a_picture_needs_no_name(read, name):
    content = coco()
    content["images"][0]["file_name"] = name
    (result,), report = read(content)
    assert result.path is None and len(result.instances) == 1 and not report.skipped


def test_unknown_sizes_come_from_the_picture_or_a_mask(read, tmp_path):
    content = coco()
    content["images"] = [{"id": 1, "file_name": "a.png", "width": None}]
    Image.new("RGB", (20, 16)).save(tmp_path / "a.png")
    (result,), _ = read(content)
    assert result.size_hw == (16, 20) and areas([result]) == [36]
    (tmp_path / "a.png").unlink()
    content["annotations"] = [annotation(segmentation=PLAIN_RUNS)]
    (result,), _ = read(content)
    assert result.size_hw == (16, 20) and areas([result]) == [36]


@pytest.mark.parametrize(
    ("image", "annotated"), [("img_7", "img_7"), ("7", 7), (7, "7"), (7.0, 7), (2**60, 2**60)]
)
def test_numbers_of_pictures_may_be_text_and_stay_as_they_are(read, tmp_path, image, annotated):
    content = coco(annotation(image_id=annotated))
    content["images"][0]["id"] = image
    (result,), report = read(content)
    assert areas([result]) == [36] and not report.skipped
    (path,) = write_coco([result], tmp_path / "out", name="a")
    written = json.loads(path.read_text())
    assert written["images"][0]["id"] == written["annotations"][0]["image_id"] == image


def test_numbers_of_pictures_and_categories_survive_with_unused_ones(read, tmp_path):
    content = coco(
        annotation(image_id=42, category_id=18),
        images=[
            {"id": 42, "file_name": "x/a.png", "width": 20, "height": 16},
            {"id": 7, "file_name": "b.png", "width": 20, "height": 16},
        ],
        categories=[
            {"id": 3, "name": "car", "supercategory": "vehicle"},
            {"id": 18, "name": "dog", "supercategory": "animal"},
            {"id": 90, "name": "sky", "isthing": 0},
        ],
    )
    results, _ = read(content)
    (path,) = write_coco(iter(results), tmp_path / "out", name="a")
    written = json.loads(path.read_text())
    assert [(image["id"], image["file_name"]) for image in written["images"]] == [
        (42, "x/a.png"),
        (7, "b.png"),
    ]
    assert [image["neg_category_ids"] for image in written["images"]] == [[], []]
    assert written["categories"] == [
        {"id": 3, "name": "car", "supercategory": "vehicle", "isthing": 1},
        {"id": 18, "name": "dog", "supercategory": "animal", "isthing": 1},
        {"id": 90, "name": "sky", "supercategory": "", "isthing": 0},
    ]
    assert written["annotations"][0]["category_id"] == 18
    listed, table = write_coco_results(iter(results), tmp_path / "out", name="a")
    (entry,) = json.loads(listed.read_text())
    assert (entry["image_id"], entry["category_id"]) == (42, 18)
    assert [r.origin.image_id for r in read_coco_results(listed, table)] == [42, 7]


def test_files_with_the_same_numbers_are_written_with_different_ones(tmp_path):
    for name, label in (("a", "cat"), ("b", "dog")):
        content = coco(categories=[{"id": 1, "name": label}])
        content["images"][0]["file_name"] = f"{name}.png"
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (path,) = write_coco(read_results(tmp_path), tmp_path / "out", name="a")
    written = json.loads(path.read_text())
    numbers = [image["id"] for image in written["images"]]
    assert len(set(numbers)) == 2 and numbers[0] == 1
    assert [entry["image_id"] for entry in written["annotations"]] == numbers
    names = {entry["id"]: entry["name"] for entry in written["categories"]}
    assert [names[entry["category_id"]] for entry in written["annotations"]] == ["cat", "dog"]


def test_only_names_that_the_file_refuses_are_refused(read):
    content = coco(categories=[{"id": n, "name": name} for n, name in enumerate("abcd", start=1)])
    content["images"][0]["neg_category_ids"] = [3, 99, None]
    (result,), _ = read(content)
    assert result.names == ("a", "c")
    assert [entry.kept for entry in result.presence.values()] == [True, False]


def test_a_file_of_crowds_only_is_read_and_said(read):
    crowds = [annotation(id=n, iscrowd=1, segmentation=PLAIN_RUNS) for n in (1, 2)]
    results, report = read(coco(*crowds))
    assert areas(results) == [36, 36]
    assert not report.skipped and "crowd" in report.notes[0]


@pytest.mark.parametrize("flag", ["0", "false", "", 0, None, False, "absent"])
def test_flags_that_mean_no_crowd(read, flag):
    results, report = read(coco(annotation(iscrowd=flag)))
    assert areas(results) == [36] and not report.skipped and not report.notes


@pytest.mark.parametrize(
    ("categories", "category_id", "label"),
    [
        ([{"id": 1, "name": "cat"}], "absent", "object"),
        ([{"id": 1, "name": "cat"}], None, "object"),
        ([{"id": 1, "name": None}], 1, "category 1"),
        ([{"id": 1}], 1, "category 1"),
        ([{"id": "1", "name": "cat"}], 1, "cat"),
        ([{"id": 1, "name": 5}], 1, "5"),
        ([], 1, "category 1"),
        (None, 1, "category 1"),
    ],
)
def test_regions_without_a_named_class_get_a_label(read, categories, category_id, label):
    (result,), report = read(coco(annotation(category_id=category_id), categories=categories))
    assert result.instances.labels == (label,) and not report.skipped


def test_categories_of_one_name_merge_and_a_number_given_twice_is_told(read):
    table = [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}, {"id": 1, "name": "dog"}]
    both = (annotation(), annotation(id=2, category_id=2))
    (result,), report = read(coco(*both, categories=table))
    assert result.instances.labels == ("cat", "cat")
    assert report.skipped == {"number given twice": 1} and report.skips[0].kind == "category"
    assert "category 2" in report.notes[0]


@pytest.mark.parametrize(
    "layout",
    [
        ("_annotations.coco.json", "a.png"),
        ("result.json", "images/a.png"),
        ("annotations/instances_default.json", "images/a.png"),
        ("train/_annotations.coco.json", "train/a.png"),
    ],
)
def test_folders_of_other_tools_are_read_with_their_pictures(tmp_path, monkeypatch, layout):
    file, picture = (tmp_path / "ds" / part for part in layout)
    for path in (file, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(coco()))
    (file.parent / "._notes.json").write_bytes(b"\0\5\x16\7")
    (file.parent / "notes.json").write_text("{}")
    Image.new("RGB", (20, 16)).save(picture)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (result,) = read_results(tmp_path / "ds")
    assert result.path.samefile(picture) and areas([result]) == [36]


def test_of_cocos_own_folder_the_file_of_masks_is_read(tmp_path):
    folder = tmp_path / "annotations"
    folder.mkdir()
    (folder / "instances_val.json").write_text(json.dumps(coco()))
    caption = {"id": 1, "image_id": 1, "caption": "a cat"}
    (folder / "captions_val.json").write_text(json.dumps(coco(caption)))
    reading = read_results(tmp_path)
    assert areas(reading) == [36] and not reading.report.skipped


def test_a_corner_far_away_takes_no_memory(read):
    content = coco(
        annotation(segmentation=[[0, 0, 2e7, 0, 2e7, 2e7, 0, 2e7]]),
        annotation(id=2, segmentation=[[0, 0, 1e300, 0, 0, 1e300]]),
        images=[{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
    )
    results, report = read(content)
    assert areas(results) == [16, 16] and not report.skipped


def test_results_without_class_or_score(tmp_path):
    table = tmp_path / "truth.json"
    table.write_text(json.dumps(coco()))
    entries = [{"image_id": 1, "segmentation": PLAIN_RUNS}, {"image_id": 1, "bbox": [1, 1, 2, 2]}]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(entries))
    (result,) = read_coco_results(path, table)
    assert [(item.label, item.score) for item in result.instances] == [("object", 1.0)]
    assert isinstance(path, Path) and np.array(areas([result])).sum() == 36
