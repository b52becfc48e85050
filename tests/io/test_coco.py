"""COCO files: exact for us, and loaded and evaluated by the official library."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from lexiseg.errors import UsageError
from lexiseg.io.coco import (
    flat_polygons,
    write_coco,
    write_coco_polygons,
    write_coco_results,
)
from lexiseg.io.coco_reader import mask_from_segmentation, read_coco, read_coco_results
from lexiseg.io.read_context import EntryError
from lexiseg.types import Mask


def test_run_lengths_come_back_exactly(result, empty_result, regions_of, tmp_path):
    (path,) = write_coco(iter([result, empty_result]), tmp_path, name="a")
    again, nothing = read_coco(path)
    assert regions_of(again) == regions_of(result)
    assert [item.is_thing for item in again.instances] == [True, True, True, False, True]
    assert again.names == result.names
    assert again.presence["zebra"].kept is False
    assert again.path == result.path
    assert again.size_hw == nothing.size_hw == result.size_hw
    assert len(nothing.instances) == 0


def test_categories_are_numbered_as_asked_whatever_was_found(result, empty_result, tmp_path):
    (path,) = write_coco([empty_result, result], tmp_path, name="a")
    table = json.loads(path.read_text("utf-8"))["categories"]
    assert [entry["id"] for entry in table] == [1, 2, 3, 4, 5]
    assert [entry["name"] for entry in table] == ["zebra", *result.names[:4]]


def test_exact_polygons_come_back_exactly(result, regions_of, tmp_path):
    (path,) = write_coco_polygons([result], tmp_path, name="a", tolerance=0.0)
    (again,) = read_coco(path)
    assert regions_of(again) == regions_of(result)


@pytest.mark.parametrize("tolerance", [1.0, 3.0])
def test_coarse_polygons_differ_only_near_the_outline(tolerance):
    rows, columns = np.mgrid[:120, :160]
    mask = (rows - 60) ** 2 + ((columns - 80) / 1.3) ** 2 < 45**2
    polygons = flat_polygons(Mask.from_array(mask), tolerance)
    again = mask_from_segmentation(polygons, mask.shape).to_array()
    from scipy.ndimage import distance_transform_edt

    to_border = np.maximum(distance_transform_edt(mask), distance_transform_edt(~mask))
    assert (again != mask).any()
    assert to_border[again != mask].max() <= tolerance + 1


def test_the_official_library_reads_both_files_and_evaluates_them(
    result, empty_result, tmp_path, capsys
):
    from pycocotools import coco as coco_module
    from pycocotools import cocoeval

    (truth,) = write_coco([result, empty_result], tmp_path, name="truth")
    found, _ = write_coco_results([result, empty_result], tmp_path, name="found")
    coco = coco_module.COCO(str(truth))
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    for annotation, item in zip(annotations, result.instances, strict=True):
        assert np.array_equal(coco.annToMask(annotation).astype(bool), item.mask.to_array())
        assert annotation["area"] == item.mask.area
    loaded = coco.loadRes(str(found))
    for entry, item in zip(loaded.anns.values(), result.instances, strict=True):
        assert entry["area"] == item.mask.area and list(entry["bbox"]) == list(item.mask.bbox)
    evaluation = cocoeval.COCOeval(coco, loaded, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_the_official_library_fills_our_exact_polygons_alike(result, tmp_path, capsys):
    from pycocotools import coco as coco_module

    (path,) = write_coco_polygons([result], tmp_path, name="a", tolerance=0.0)
    coco = coco_module.COCO(str(path))
    for annotation, item in zip(coco.anns.values(), result.instances, strict=True):
        theirs, ours = coco.annToMask(annotation).astype(bool), item.mask.to_array()
        assert np.array_equal(theirs, ours)


@settings(max_examples=100, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_exact_polygons_keep_every_mask_under_the_official_filling_rule(mask):
    polygons = flat_polygons(Mask.from_array(mask), 0.0)
    assert np.array_equal(mask_from_segmentation(polygons, mask.shape).to_array(), mask)


def test_results_need_their_tables(result, empty_result, regions_of, tmp_path):
    path, table = write_coco_results([result, empty_result], tmp_path, name="a")
    again, nothing = read_coco_results(path)
    assert regions_of(again) == regions_of(result)
    assert len(nothing.instances) == 0
    assert next(read_coco_results(path, pictures=table)).names == result.names
    table.unlink()
    with pytest.raises(UsageError, match="a.coco-results.pictures.json"):
        list(read_coco_results(path))


def test_foreign_files_with_plain_counts_crowds_and_no_score(tmp_path):
    mask = Mask.from_array(np.eye(4, dtype=bool))
    plain = {"size": [4, 4], "counts": mask.counts.tolist()}
    annotations = [
        {"id": 7, "image_id": 3, "category_id": 18, "segmentation": plain, "iscrowd": 0},
        {"id": 8, "image_id": 3, "category_id": 18, "segmentation": plain, "iscrowd": 1},
    ]
    images = [{"id": 3, "file_name": "a.jpg", "height": 4, "width": 4}]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 18, "name": "dog"}],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    (again,) = read_coco(path)
    (item,) = again.instances
    assert (item.label, item.score, item.mask) == ("dog", 1.0, mask)
    assert again.names == ("dog",)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"images": {}, "categories": [], "annotations": []}',
        '{"images": [], "categories": [], "annotations": 3}',
        "[" * 100_000,
    ],
)
def test_damaged_files_are_one_sentence(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"a\.json"):
        list(read_coco(path))


def test_masks_of_another_size_than_the_picture_are_refused():
    with pytest.raises(EntryError, match="mask of another size"):
        mask_from_segmentation(Mask.from_array(np.ones((2, 2))).to_coco(), (3, 3))
