"""TIDES as a whole, in a world where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.methods.tides import PRESETS, TidesRaw
from lexiseg.registry import METHODS
from lexiseg.types import Method

TWO = [("red", 24, 32, 64, 48), ("red", 160, 112, 64, 48)]
TOUCHING = [("red", 40, 40, 64, 48), ("red", 112, 40, 64, 48)]


def truth(objects):
    return [objects == number for number in range(1, objects.max() + 1)]


def best_iou(mask, others):
    return max((mask & other).sum() / (mask | other).sum() for other in others)


def masks_of(result):
    return [item.mask.to_array() for item in result.instances]


def same(one, other):
    key = lambda item: (item.label, item.mask.bbox, item.mask.area, round(item.score, 5))  # noqa: E731
    return sorted(map(key, one.instances)) == sorted(map(key, other.instances))


def test_is_a_registered_method(toy):
    draw, build = toy
    assert isinstance(build(draw(TWO)[1]), Method)
    assert METHODS["tides-raw"] is TidesRaw and {"paper", "table2"} <= set(PRESETS)


def test_io_selects_objects_where_raw_prefers_parts(toy):
    draw, build = toy
    image, objects = draw(TWO)
    tides = build(objects)
    scene = tides.encode(image)
    ranked = tides.segment(scene, ["red"])
    assert len(ranked.instances) == 2
    assert all(best_iou(mask, truth(objects)) > 0.9 for mask in masks_of(ranked))
    raw = tides.configured(ranking="segmenter").segment(scene, ["red"])
    first = max(raw.instances, key=lambda item: item.details["segmenter"])
    assert best_iou(first.mask.to_array(), truth(objects)) < 0.6
    halves = [best_iou(mask, truth(objects)) < 0.6 for mask in masks_of(raw)]
    assert sum(halves) == 4  # the left and the right one of each object


def test_scores_of_an_instance(toy):
    draw, build = toy
    image, objects = draw(TWO)
    for item in build(objects).segment(image, ["red"]).instances:
        assert item.label == "red" and set(item.details) == {"io", "semantic", "segmenter"}
        assert item.score == pytest.approx(item.details["io"] * item.details["semantic"], abs=1e-6)
        assert item.details["segmenter"] == pytest.approx(0.9)
        assert 0 < item.details["io"] <= 1 and 0.1 <= item.details["semantic"] <= 1


def test_objects_below_the_least_score_are_left_out(toy):
    draw, build = toy
    image, objects = draw(TOUCHING)
    tides = build(objects)
    scene = tides.encode(image)
    scores = sorted(item.score for item in tides.segment(scene, ["red"]).instances)
    sure = tides.configured(min_score=scores[1]).segment(scene, ["red"])
    assert sorted(item.score for item in sure.instances) == scores[1:]
    none = tides.configured(min_score=1.0).segment(scene, ["red"])
    assert not none.presence["red"].kept and not none.instances
    assert (
        none.presence["red"]
        .reason.rpartition(", asked ")[0]
        .endswith("; but no mask fits well enough")
    )


def test_touching_objects(toy):
    """A group has the histogram of its members: it stays, but below both of them."""
    draw, build = toy
    image, objects = draw(TOUCHING)
    found = build(objects).segment(image, ["red"]).instances.sorted_by_score()
    first, second, group = (item.mask.to_array() for item in found)
    assert best_iou(first, truth(objects)) > 0.9 and best_iou(second, truth(objects)) > 0.9
    assert not (first & second).any() and group[first | second].all()


def test_classes_beside_each_other(toy):
    draw, build = toy
    image, objects = draw([("red", 24, 32, 64, 48), ("green", 150, 32, 64, 48), TWO[1]])
    result = build(objects).segment(image, ["green", "zebra", "red"])
    assert sorted(result.instances.labels) == ["green", "red", "red"]
    assert result.presence.kept == ("green", "red")
    green = result.instances["green"][0].mask.to_array()
    assert best_iou(green, [objects == 2]) > 0.9
    assert result.semantic.ids[40, 30] == 3 and result.semantic.ids[40, 160] == 1


def test_presence_names_the_window_that_decided(toy):
    draw, build = toy
    image, objects = draw(TWO[:1])
    result = build(objects).segment(image, ["red", "zebra"])
    seen, absent = result.presence["red"], result.presence["zebra"]
    assert (
        seen.kept
        and seen.score > 0.5
        and seen.reason.rpartition(", asked ")[0].endswith("; 1 object")
    )
    assert seen.reason.startswith("seen in the 56-px window at (")
    assert not absent.kept and absent.score < 0.5 and "0.00 against background" in absent.reason


def test_a_class_survives_by_the_margin_that_is_asked(toy):
    draw, build = toy
    image, objects = draw(TWO)
    tides = build(objects)
    scene = tides.encode(image)
    strict = tides.configured(min_margin=1.0).segment(scene, ["red"])
    assert not strict.presence["red"].kept and not strict.instances
    # With benefit of the doubt an absent name still needs foreground and masks that fit.
    absent = tides.configured(min_margin=-1.0).segment(scene, ["zebra"]).presence["zebra"]
    assert not absent.kept and absent.reason.startswith("possible") and "no mask" in absent.reason


def test_order_of_names_does_not_matter(toy):
    draw, build = toy
    image, objects = draw([*TWO, ("blue", 110, 20, 40, 40)])
    tides = build(objects, foreground_rule="joint-background")
    one = tides.segment(image, ["red", "blue", "zebra"])
    assert same(one, tides.segment(image, ["zebra", "blue", "red"]))
    assert one.instances.labels.count("blue") == 1


def test_points_are_decoded_once_per_scene(toy):
    draw, build = toy
    image, objects = draw([*TWO, ("blue", 110, 20, 40, 40)])
    tides = build(objects)
    scene = tides.encode(image)
    encoded = tides.scorer.encoded
    tides.segment(scene, ["red"])
    before = list(tides.segmenter.asked)
    warm = tides.segment(scene, ["red", "blue"])
    new = tides.segmenter.asked[len(before) :]
    assert new and not set(new) & set(before)
    asked = len(tides.segmenter.asked)
    again = tides.segment(scene, ["blue", "red"])
    assert len(tides.segmenter.asked) == asked and tides.scorer.encoded == encoded
    fresh = build(objects).segment(image, ["red", "blue"])
    assert same(warm, fresh) and same(again, fresh)


def test_aliases_are_one_class(toy):
    draw, build = toy
    image, objects = draw([TWO[0], ("blue", 160, 112, 64, 48)])
    result = build(objects).segment(image, {"red": "paint", "blue": "paint"})
    assert result.instances.labels == ("paint", "paint")


def test_nothing_there(toy):
    draw, build = toy
    image, objects = draw([])
    result = build(objects).segment(image, ["red", "zebra"])
    assert not result.presence.kept and len(result.instances) == 0
    assert not result.semantic.ids.any()


def test_one_class_fills_the_image(toy):
    draw, build = toy
    image, objects = draw([("green", 0, 0, 250, 192)])
    result = build(objects, point_stride=8).segment(image, ["green"])
    assert best_iou(result.instances[0].mask.to_array(), truth(objects)) > 0.9
    image[:] = image[0, 0]  # without any contrast there is nothing to normalize
    flat = build(np.ones((192, 256), int), point_stride=8).segment(image, ["green"])
    assert flat.presence["green"].reason.startswith("seen in")


@pytest.mark.parametrize("narrow", ["stretch", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 2), (40, 40), (200, 4096)])
def test_odd_sizes(toy, size, narrow):
    draw, build = toy
    image, objects = draw([("red", 0, 0, max(size[1] // 2, 1), max(size[0] // 2, 1))], size)
    result = build(objects, narrow=narrow, max_points=60).segment(image, ["red", "blue"])
    assert result.size_hw == size
    assert all(mask.shape == size for mask in masks_of(result))


def test_many_objects_of_one_class(toy):
    draw, build = toy
    boxes = [("red", x, y, 10, 10) for x in range(2, 500, 14) for y in range(2, 390, 14)]
    image, objects = draw(boxes, (400, 512))
    tides = build(objects, long_side=512, assignment="component", max_points=300)
    assert len(boxes) > 1000
    result = tides.segment(image, ["red"])
    assert len(result.instances) > 1
    # each final mask is decoded a second time at most
    assert len(tides.segmenter.asked) <= 300 + len(result.instances)


def test_the_picture_is_left_alone(toy):
    draw, build = toy
    image, objects = draw(TWO)
    before = image.copy()
    build(objects).segment(image, ["red"])
    assert np.array_equal(image, before)
