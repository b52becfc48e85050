"""Sizes that disagree with the picture: masks are turned with it, or the picture is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.convert import convert
from lexiseg.io.image import read_image
from lexiseg.io.reader import read_results
from lexiseg.types import Mask

STORED = (8, 12)  # height and width of the pixels in the file


@pytest.fixture
def annotated(tmp_path):
    """A picture with one marked pixel, stored as its camera held it, and a COCO mask of it."""

    def make(orientation, size_hw=STORED):
        pixels = np.zeros((*STORED, 3), np.uint8)
        pixels[2, 9] = 255
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
        mask = np.zeros(size_hw, bool)
        mask[2, 7] = True
        if size_hw == STORED:
            mask = pixels[..., 0] > 0
        content = {
            "images": [{"id": 1, "file_name": "a.png", "height": size_hw[0], "width": size_hw[1]}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 1,
                    "segmentation": Mask.from_array(mask).to_coco(),
                }
            ],
            "categories": [{"id": 1, "name": "cat"}],
        }
        path = tmp_path / "in.json"
        path.write_text(json.dumps(content))
        return path

    return make


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_masks_drawn_on_the_lying_picture_are_turned_with_it(annotated, orientation):
    reading = read_results(annotated(orientation))
    (result,) = reading
    upright = read_image(result.path)[..., 0] > 0
    assert result.size_hw == upright.shape == STORED[::-1]
    assert np.array_equal(result.instances[0].mask.to_array(), upright)
    assert not reading.report.skipped and "a.png" in reading.report.notes[0]


def test_masks_drawn_on_the_upright_picture_stay(annotated):
    reading = read_results(annotated(6, STORED[::-1]))
    (result,) = reading
    assert result.size_hw == STORED[::-1] and not reading.report.notes
    assert result.instances[0].mask.to_array()[2, 7]


@pytest.mark.parametrize("size_hw", [(16, 24), (12, 8)])
def test_a_resized_picture_is_left_out_and_told(annotated, tmp_path, size_hw):
    source = annotated(1, size_hw)
    reading = read_results(source)
    assert not list(reading)
    assert reading.report.skipped == {"size disagrees with the picture": 1}
    (skip,) = reading.report.skips
    assert f"{size_hw[1]}x{size_hw[0]}" in str(skip) and "12x8" in str(skip)
    done = convert(source, "labelme", tmp_path / "out")
    assert not done.paths and done.report.skipped
    with pytest.raises(UsageError, match="size disagrees"):
        convert(source, "labelme", tmp_path / "out", strict=True)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_what_a_label_map_calls_void_is_turned_too(tmp_path, orientation):
    pixels = np.zeros((*STORED, 3), np.uint8)
    pixels[1, 10] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    for folder in ("JPEGImages", "SegmentationClass"):
        (tmp_path / folder).mkdir()
    Image.fromarray(pixels).save(tmp_path / "JPEGImages" / "a.png", exif=exif)
    labels = pixels[..., 0].copy()
    labels[5:, 2] = 1
    Image.fromarray(labels).save(tmp_path / "SegmentationClass" / "a.png")
    (result,) = read_results(tmp_path)
    upright = read_image(result.path)[..., 0] > 0
    assert np.array_equal(result.origin.void.to_array(), upright)
