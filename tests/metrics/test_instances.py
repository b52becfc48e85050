"""Answers about single objects by class, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.datasets.sample import InstanceSample, TrueObject
from lexiseg.metrics import class_presence, gather_matches, mean_precision, mean_recall
from lexiseg.metrics.instances import COCO_LIMIT
from lexiseg.types import Mask


def square(left, top=0, side=4):
    array = np.zeros((8, 16), bool)
    array[top : top + side, left : left + side] = True
    return Mask.from_array(array)


def sample(*objects, **more):
    true = [TrueObject(k, mask, float(mask.area), bool(crowd)) for k, mask, *crowd in objects]
    return InstanceSample("a", 0, np.zeros((8, 16, 3), np.uint8), tuple(true), **more)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        ({0, 1}, sample((0, square(0))), 1 / 2),
        ({0}, sample((0, square(0)), (2, square(8))), 1 / 2),
        (set(), sample((0, square(0))), 0),
        (set(), sample(), 1),
        ({1}, sample(), 0),
        ({0, 1}, sample((0, square(0)), (1, square(8), True)), 1),  # of 1 there is but a crowd
        ({0, 1}, sample((0, square(0)), known=frozenset({0})), 1),
    ],
)
def test_class_iou(found, truth, expected):
    assert class_presence(found, truth, range(4)).overlap == expected


def precision(answers, *samples, columns=slice(None)):
    classes = gather_matches(answers, samples).values()
    return mean_precision(classes, np.ones((1, len(samples))), columns=columns)[0]


def test_average_precision():
    truth = sample((0, square(0)), (0, square(8)), (1, square(4, 4)))
    right = [(0, 0.9, square(0)), (0, 0.8, square(8)), (1, 0.7, square(4, 4))]
    assert precision([right], truth) == pytest.approx(1)
    # Class 0 loses half of its recall: 51 of 101 recalls are reached.
    assert precision([right[1:]], truth) == pytest.approx((51 / 101 + 1) / 2)
    # A class that is nowhere has no precision to lose; a wrong answer above the right ones does.
    assert precision([[*right, (3, 1.0, square(0))]], truth) == pytest.approx(1)
    worse = precision([[*right, (1, 1.0, square(12))]], truth)
    assert worse == pytest.approx((1 + 1 / 2) / 2, abs=1e-6)
    shifted = [(0, 0.9, square(1)), (0, 0.8, square(9)), (1, 0.7, square(5, 4))]  # IoU 0.6
    assert precision([shifted], truth, columns=slice(0, 1)) == pytest.approx(1)
    assert precision([shifted], truth, columns=slice(5, 6)) == 0


def test_images_drawn_anew():
    truth = sample((0, square(0)))
    classes = gather_matches([[(0, 0.9, square(0))], []], [truth, truth]).values()
    drawn = np.array([[2, 0], [0, 2], [1, 1]])
    assert mean_precision(classes, drawn).tolist() == pytest.approx([1, 0, 51 / 101])


def test_annotations_that_do_not_tell_everything():
    truth = sample((0, square(0)), known=frozenset({0, 1}), incomplete=frozenset({0}))
    right, extra, other = (0, 0.5, square(0)), (0, 0.9, square(8)), (2, 0.9, square(8))
    assert precision([[right, extra, other]], truth) == pytest.approx(1)
    assert precision([[right, extra]], sample((0, square(0)))) == pytest.approx(1 / 2)


def counted(answers, *samples, **limits):
    """Per class: (number of answers, hits at IoU 0.5, objects)."""
    classes = gather_matches(answers, samples, **limits)
    return {
        number: (len(one.images), int(one.hit[0, 0].sum()), int(one.truths[0].sum()))
        for number, one in classes.items()
    }


def test_only_the_best_answers_of_an_image_or_of_a_class_count():
    truth = sample((0, square(0)), (0, square(8)), (1, square(4, 4)))
    answers = [
        (0, 0.3, square(0)),
        (1, 0.6, square(4, 4)),
        (0, 0.5, square(8)),
        (2, 0.4, square(0)),
    ]
    assert counted([answers], truth) == {0: (2, 2, 2), 1: (1, 1, 1), 2: (1, 0, 0)}
    assert counted([answers], truth, per_image=2) == {0: (1, 1, 2), 1: (1, 1, 1)}
    assert counted([answers], truth, per_class=1) == {0: (1, 1, 2), 1: (1, 1, 1), 2: (1, 0, 0)}
    assert counted([answers], truth, per_class=0) == {0: (0, 0, 2), 1: (0, 0, 1), 2: (0, 0, 0)}
    many = [(0, 0.6 + k / 1000, square(8, 4)) for k in range(COCO_LIMIT)]
    assert counted([[*answers, *many]], truth)[0] == (COCO_LIMIT, 0, 2)  # pushed out by worse ones
    assert counted([[*answers, *many]], truth, per_class=None)[0] == (COCO_LIMIT + 2, 2, 2)


def test_classes_of_which_nothing_is_known_are_not_judged():
    truth = sample((0, square(0)), (1, square(8)), known=frozenset({0, 3}))
    assert counted([[(0, 0.5, square(0)), (1, 0.5, square(8))]], truth) == {0: (1, 1, 1)}
    assert class_presence({0, 1}, truth, range(3)).counts == (1, 0, 0, 0)


def test_crowds_count_neither_way():
    truth = sample((0, square(0)), (0, square(8, side=8), True))
    inside = [(0, 0.9, square(8)), (0, 0.8, square(12, 4)), (0, 0.7, square(0))]
    assert precision([inside], truth) == pytest.approx(1)
    assert counted([inside], truth) == {0: (3, 1, 1)}


def test_sizes_are_those_of_the_annotation():
    """A mask of 16 pixels whose object is said to have 2000 is of medium size."""
    objects = (TrueObject(0, square(0), 2000.0, False), TrueObject(0, square(8), 16.0, False))
    truth = InstanceSample("a", 0, np.zeros((8, 16, 3), np.uint8), objects)
    classes = gather_matches([[(0, 0.5, square(0))]], [truth]).values()
    by_area = {
        area: mean_precision(classes, np.ones((1, 1), int), area=area)[0]
        for area in ("all", "small", "medium", "large")
    }
    assert by_area == pytest.approx(
        {"all": 51 / 101, "small": 0, "medium": 1, "large": np.nan}, nan_ok=True
    )
    assert mean_recall(classes, np.ones((1, 1), int), limit=1)[0] == pytest.approx(1 / 2)
    assert mean_recall(classes, np.ones((1, 1), int), limit=0)[0] == 0
    assert np.isnan(mean_precision([], np.ones((3, 1)))).tolist() == [True] * 3


def test_answers_and_truths_go_in_pairs():
    with pytest.raises(ValueError, match="shorter"):
        gather_matches([[], []], [sample()])
    assert gather_matches([], []) == {}
