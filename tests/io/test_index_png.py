"""Label maps: colours for people, numbers for programs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.io.index_png import read_index_png, read_label_png, write_index_png
from lexiseg.io.palette import color_of
from lexiseg.io.read_context import ReadContext
from lexiseg.types import Instance, Instances, Mask


@pytest.mark.parametrize("extra", [0, 250, 300])
def test_numbers_come_back_in_eight_and_sixteen_bits(extra, result, tmp_path):
    names = (*(f"other {number}" for number in range(extra)), *result.names)
    many = replace(result, names=names)
    picture, table = write_index_png([many], tmp_path, name="a")
    with Image.open(picture) as image:
        assert image.mode == ("P" if len(names) <= 255 else "I;16")
    assert np.array_equal(read_label_png(picture), many.semantic.ids)
    assert list(json.loads(table.read_text("utf-8"))["names"].values()) == list(names)
    again = read_index_png(picture)
    assert again.names == names
    assert np.array_equal(again.semantic.ids, many.semantic.ids)


def test_a_map_is_a_png_whatever_its_name(tmp_path):
    """A JPEG's numbers are not what was written."""
    Image.new("L", (8, 8), 3).save(tmp_path / "a.png", "JPEG")
    with pytest.raises(UsageError, match="not a PNG file"):
        read_label_png(tmp_path / "a.png")


def test_palette_holds_the_colours_of_the_names(result, tmp_path):
    picture, _ = write_index_png([result], tmp_path, name="a")
    colours = np.asarray(Image.open(picture).convert("RGB"))
    assert (colours[result.semantic.ids == 0] == 0).all()
    seen = result.semantic.ids == 1
    assert (colours[seen] == color_of("dog")).all()


def test_regions_that_do_not_overlap_come_back_with_their_score(result, tmp_path):
    left, right = np.zeros((40, 56), bool), np.zeros((40, 56), bool)
    left[:, :9], right[:, 20:] = True, True
    items = (
        Instance("dog", 0.625, Mask.from_array(left)),
        Instance("zebra", 0.25, Mask.from_array(right)),
    )
    plain = replace(result, instances=Instances(items, (40, 56)))
    again = read_index_png(write_index_png([plain], tmp_path, name="a")[1])
    assert [(item.label, item.score, item.mask) for item in again.instances] == [
        (item.label, item.score, item.mask) for item in items
    ]


def test_damaged_pairs_are_one_sentence(result, tmp_path):
    picture, table = write_index_png([result], tmp_path, name="a")
    table.write_text('{"names": {"1": "dog", "x": "cat"}}')
    with pytest.raises(UsageError, match="table of names"):
        read_index_png(picture)
    table.unlink()
    with pytest.raises(UsageError, match="check the path"):
        read_index_png(picture)
    picture.write_bytes(picture.read_bytes()[:100])
    with pytest.raises(UsageError):
        read_label_png(picture)
    Image.new("RGB", (3, 3)).save(picture)
    with pytest.raises(UsageError, match="RGB"):
        read_label_png(picture)


def test_numbers_without_a_name_cost_themselves(result, tmp_path):
    picture, table = write_index_png([result], tmp_path, name="a")
    table.write_text('{"names": {"1": "dog"}}')
    context = ReadContext()
    again = read_index_png(picture, context)
    assert again.instances.labels == ("dog",)
    assert context.report.skipped == {"number without a name": 3}
    assert "a.semantic.png, number 2" in str(context.report.skips[0])
