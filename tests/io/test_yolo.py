"""YOLO folders: exact masks at tolerance 0, class names to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.yolo import read_yolo, write_yolo


def test_masks_and_names_come_back_at_tolerance_zero(result, empty_result, tmp_path):
    write_yolo(iter([result, empty_result]), tmp_path, name="any", tolerance=0.0)
    nothing, again = read_yolo(tmp_path / "yolo")
    assert len(nothing.instances) == 0
    assert again.names == result.names
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


def test_a_picture_without_a_file_is_written_from_its_pixels(result, tmp_path):
    write_yolo([replace(result, path=None)], tmp_path, name="any")
    assert (tmp_path / "yolo" / "images" / "image.png").is_file()


def test_damaged_folders_are_one_sentence(result, tmp_path):
    root = tmp_path / "yolo"
    with pytest.raises(UsageError, match=r"data\.yaml"):
        list(read_yolo(root))
    write_yolo([result], tmp_path, name="any")
    label = root / "labels" / "street.txt"
    for line in ("0 0.1 0.2 0.3", "x 0 0 1 1 1 0", "9 0 0 1 1 1 0"):
        label.write_text(line)
        with pytest.raises(UsageError, match=r"street\.txt"):
            list(read_yolo(root))
    next((root / "images").iterdir()).unlink()
    with pytest.raises(UsageError, match="no picture"):
        list(read_yolo(root))
    label.unlink()
    with pytest.raises(UsageError, match="labels"):
        list(read_yolo(root))
