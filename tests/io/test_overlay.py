"""Overlays: where colour goes, where labels go, and nothing crashes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import ImageError
from lexiseg.io.lettering import Lettering
from lexiseg.io.overlay import OverlayStyle, draw_overlay, write_overlay
from lexiseg.io.palette import color_of
from lexiseg.types import Instance, Instances, Mask, PresenceTrace, Recipe, Result

BARE = OverlayStyle(outline=False, labels=False)


def one_region(mask, label="dog", image=None, thing=True):
    item = Instance(label, 0.5, Mask.from_array(mask), thing)
    found = Instances((item,), mask.shape)
    if image is None:
        image = np.full((*mask.shape, 3), 100, np.uint8)
    recipe = Recipe("car", "mini")
    return Result(mask.shape, (label, "zebra"), found, PresenceTrace([]), recipe, image=image)


def test_fill_is_the_mean_of_picture_and_colour_inside_and_untouched_outside():
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:20] = True
    pixels = np.asarray(draw_overlay(one_region(mask), BARE)).astype(float)
    assert np.abs(pixels[mask] - (np.array(color_of("dog")) + 100) / 2).max() <= 0.5
    assert (pixels[~mask] == 100).all()


def test_the_upper_of_two_regions_is_seen():
    size = (20, 20)
    large, small = np.ones(size, bool), np.zeros(size, bool)
    small[5:10, 5:10] = True
    result = one_region(large, "sky", thing=False)
    dog = Instance("dog", 0.1, Mask.from_array(small))
    both = replace(
        result, names=("sky", "dog"), instances=Instances((dog, *result.instances), size)
    )
    pixels = np.asarray(draw_overlay(both, replace(BARE, opacity=1.0)))
    assert pixels[7, 7].tolist() == list(color_of("dog"))
    assert pixels[0, 0].tolist() == list(color_of("sky"))


def test_the_outline_stays_inside_the_region():
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    style = replace(BARE, outline=True)
    plain, lined = (np.asarray(draw_overlay(one_region(mask), s)) for s in (BARE, style))
    changed = (plain != lined).any(axis=-1)
    assert changed[20, 20:40].all()
    assert not changed[~mask].any()
    assert not changed[25:35, 25:35].any()


def test_every_region_of_a_name_has_a_shade_of_its_own_if_wanted():
    left, right = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    left[:, :20], right[:, 20:] = True, True
    result = one_region(left)
    twin = Instance("dog", 0.4, Mask.from_array(right))
    both = replace(result, instances=Instances((*result.instances, twin), (20, 40)))
    by_name = np.asarray(draw_overlay(both, BARE))
    by_instance = np.asarray(draw_overlay(both, replace(BARE, color_by="instance")))
    assert (by_name[0, 0] == by_name[0, -1]).all()
    assert (by_instance[0, 0] != by_instance[0, -1]).any()


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 900), (900, 3), (64, 64)])
@pytest.mark.parametrize("label", ["狗 🐕 كلب", "x" * 10_000, "two\nlines\t", "\ud800", " "])
def test_any_label_on_any_size(size_hw, label):
    style = OverlayStyle(legend=True)
    picture = draw_overlay(one_region(np.ones(size_hw, bool), label), style)
    assert picture.width == size_hw[1]
    assert picture.height > size_hw[0]
    assert draw_overlay(one_region(np.ones(size_hw, bool), label)).size == size_hw[::-1]


def test_labels_keep_clear_of_each_other():
    letters = Lettering.for_picture((400, 400))
    from PIL import ImageDraw

    draw = ImageDraw.Draw(Image.new("RGB", (400, 400)))
    label = letters.fit("dog", 400)
    taken = []
    for _ in range(2):
        taken.append(letters.place(draw, label, (200, 0, 0), [(200, 200), (100, 100)], taken))
    assert taken[0] != taken[1]


def test_a_cut_label_keeps_its_score():
    label = Lettering.for_picture((300, 300)).fit("a very long label " * 9, 300, " 0.87")
    assert label.text.endswith("… 0.87")
    assert label.size_wh[0] <= 300


def test_labels_hold_scores_if_wanted():
    result = one_region(np.ones((60, 200), bool))
    plain, scored = (
        np.asarray(draw_overlay(result, replace(BARE, labels=True, scores=scores)))
        for scores in (False, True)
    )
    assert (plain != scored).any()


def test_small_pictures_can_be_enlarged():
    picture = draw_overlay(one_region(np.ones((50, 100), bool)), OverlayStyle(enlarge_to=450))
    assert picture.size == (500, 250)


def test_the_legend_names_what_is_not_there():
    result = one_region(np.ones((50, 300), bool))
    with_absent = draw_overlay(result, OverlayStyle(legend=True))
    without = draw_overlay(replace(result, names=("dog",)), OverlayStyle(legend=True))
    assert with_absent.tobytes() != without.tobytes()


def test_pixels_are_read_again_from_the_path(result):
    again = replace(result, image=None)
    assert draw_overlay(again).tobytes() == draw_overlay(result).tobytes()
    with pytest.raises(ImageError):
        draw_overlay(replace(result, image=None, path=None))


def test_written_overlay_is_a_jpeg_and_png_where_too_long(tmp_path, result):
    (path,) = write_overlay([result], tmp_path, name="a")
    with Image.open(path) as picture:
        assert picture.size == (56, 40)
    assert path.name == "a.overlay.jpg"
    (path,) = write_overlay([one_region(np.ones((1, 70_000), bool))], tmp_path, name="b")
    assert path.name == "b.overlay.png"


def test_the_input_image_is_left_alone(result):
    before = result.image.copy()
    draw_overlay(result)
    assert np.array_equal(before, result.image)


@pytest.mark.parametrize("style", [None, OverlayStyle(legend=True)])
def test_pictures_of_the_small_models_say_so(tmp_path, style) -> None:
    """In a strip below, which a picture of other weights does not have, or has smaller."""
    mask = np.zeros((224, 224), bool)
    mask[9:99, 9:99] = True
    heights = {}
    for preset in ("mini", "paper"):
        one = replace(one_region(mask), recipe=Recipe("car", preset))
        (path,) = write_overlay([one], tmp_path, name=preset, style=style)
        with Image.open(path) as picture:
            heights[preset] = picture.height
    assert heights["mini"] > heights["paper"] >= 224
    assert Recipe("car", "custom", weights={"clip": "mini-clip-proposal sha256:1"}).caution
    assert not Recipe("car", "voc21", weights={"clip": "openai/clip"}).caution
