"""YOLO folders: exact masks at tolerance 0, class names to the letter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import yaml
from PIL import Image

from lexiseg.io.reader import read_results
from lexiseg.io.reading import result_from_regions
from lexiseg.io.yolo import write_yolo
from lexiseg.io.yolo_reader import read_yolo
from lexiseg.types import Instance, Mask


def test_masks_and_names_come_back_at_tolerance_zero(result, empty_result, tmp_path):
    write_yolo(iter([result, empty_result]), tmp_path, name="any", tolerance=0.0)
    nothing, again = read_yolo(tmp_path / "yolo")
    assert len(nothing.instances) == 0
    assert tuple(again.origin.categories) == result.names
    assert [(item.label, item.mask) for item in again.instances] == [
        (item.label, item.mask) for item in result.instances
    ]


def test_labels_are_shares_of_width_and_height(result, tmp_path):
    write_yolo([result], tmp_path, name="any")
    text = (tmp_path / "yolo" / "labels" / "street.txt").read_text()
    numbers = [int(line.split()[0]) for line in text.splitlines()]
    assert numbers == [0, 0, 1, 2, 3]
    for line in text.splitlines():
        shares = [float(part) for part in line.split()[1:]]
        assert len(shares) >= 6
        assert len(shares) % 2 == 0
        assert 0 <= min(shares) <= max(shares) <= 1
    table = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text("utf-8"))
    assert table["names"] == dict(enumerate(result.names))


def test_pictures_of_equal_name_do_not_collide(result, tmp_path):
    other = tmp_path / "elsewhere" / "Street.png"
    other.parent.mkdir()
    Image.new("RGB", (56, 40), "red").save(other)
    write_yolo([result, replace(result, path=other)], tmp_path, name="any")
    assert len(list((tmp_path / "yolo" / "labels").iterdir())) == 2
    assert len(list((tmp_path / "yolo" / "images").iterdir())) == 2


def test_namesakes_keep_their_own_picture_and_their_own_labels(tmp_path):
    """Each picture is as grey as its region is large, so that a mix-up shows."""
    results = []
    for area, name in enumerate(("a/x.png", "b/x.png", "c/X.png", "d/x-2.png", "e/x.jpg"), start=1):
        path = tmp_path / name
        path.parent.mkdir()
        Image.new("RGB", (8, 4), (9 * area,) * 3).save(path, quality=100)
        mask = np.zeros((4, 8), bool)
        mask[0, :area] = True
        items = [Instance("cat", 1.0, Mask.from_array(mask))]
        results.append(result_from_regions((4, 8), items, source="hand", path=path))
    write_yolo(results, tmp_path, name="any", tolerance=0.0)
    again = list(read_yolo(tmp_path / "yolo"))
    assert len({result.path.stem.casefold() for result in again}) == len(results)
    for result in again:
        (item,) = result.instances
        with Image.open(result.path) as picture:
            assert abs(picture.getpixel((0, 0))[0] - 9 * item.mask.area) <= 2
    assert sorted(result.instances[0].mask.area for result in again) == [1, 2, 3, 4, 5]


def test_of_equal_regions_one_is_read_and_the_other_told(tmp_path):
    photo = tmp_path / "a.png"
    Image.new("RGB", (6, 4)).save(photo)
    item = Instance("cat", 1.0, Mask.from_array(np.eye(4, 6, dtype=bool)))
    result = result_from_regions((4, 6), [item, item], source="hand", path=photo)
    write_yolo([result], tmp_path, name="any", tolerance=0.0)
    reading = read_results(tmp_path / "yolo")
    (again,) = reading
    assert [one.mask for one in again.instances] == [item.mask]
    assert reading.report.skipped == {"line that stands twice": 1}


def test_a_picture_without_a_file_is_written_from_its_pixels(result, tmp_path):
    write_yolo([replace(result, path=None)], tmp_path, name="any")
    assert (tmp_path / "yolo" / "images" / "image.png").is_file()


def test_thin_and_small_regions_do_not_vanish_by_rounding(tmp_path):
    """At the usual tolerance, in pictures whose sides divide badly."""
    photo = tmp_path / "a.png"
    Image.new("RGB", (57, 43)).save(photo)
    masks = np.zeros((4, 43, 57), bool)
    masks[0, 7, 11] = masks[1, 20, 5:41] = masks[2, 3:40, 50] = True
    masks[3, range(40), range(40)] = True
    items = [Instance("a", 1.0, Mask.from_array(mask)) for mask in masks]
    result = result_from_regions((43, 57), items, source="hand", path=photo)
    write_yolo([result], tmp_path, name="any")
    (again,) = read_yolo(tmp_path / "yolo")
    for item, mask in zip(again.instances, masks, strict=True):
        both = item.mask.to_array()
        assert (both & mask).sum() / (both | mask).sum() >= 0.9
