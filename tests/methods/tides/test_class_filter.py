"""Step B with scripted scores of windows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from lexiseg.methods.tides import TidesConfig
from lexiseg.methods.tides.class_filter import Verdict, class_probability, judge_classes

WINDOWS = [(0, 0, 112, 112), (56, 0, 168, 100), (8, 16, 120, 240)]
SCORES = [  # dog, cat, background of each window
    [0.30, 0.10, 0.25],
    [0.40, 0.20, 0.375],
    [0.25, 0.20, 0.20],
]


def judge(scores=SCORES, **options):
    asked = []

    def image_scores(texts, unmodified):
        asked.append((texts, unmodified))
        return torch.tensor(scores)

    windows = SimpleNamespace(image_scores=image_scores, windows=WINDOWS)
    question = SimpleNamespace(texts="texts", merge=lambda wholes: wholes)
    verdicts = judge_classes(SimpleNamespace(windows=windows), question, TidesConfig(**options))
    assert asked == [("texts", options.get("cls", "clip") == "clip")]
    return verdicts


def test_the_window_with_the_largest_margin_speaks():
    """Not the one with the largest score; the first of equal ones."""
    dog, cat = judge()
    assert (dog.kept, cat.kept) == (True, False)
    assert (dog.similarity, dog.background) == pytest.approx((0.3, 0.25))
    assert dog.window == (112, 0, 0)
    assert (cat.similarity, cat.background) == pytest.approx((0.2, 0.2))
    assert cat.window == (224, 8, 16)  # the longer side of 112 x 224


def test_a_class_must_be_louder_by_more_than_the_margin():
    scores = [[0.5, 0.25, 0.25], [0.0, 0.0, 0.5], [0.0, 0.0, 0.5]]
    assert [one.kept for one in judge(scores)] == [True, False]
    assert [one.kept for one in judge(scores, min_margin=-0.125)] == [True, True]
    assert [one.kept for one in judge(scores, min_margin=0.25)] == [False, False]


def test_the_methods_own_image_feature_is_asked_if_wished():
    judge(cls="method")


@pytest.mark.parametrize(
    ("kept", "similarity", "word"),
    [(True, 0.5, "seen"), (True, 0.25, "possible"), (False, 0.5, "best"), (False, 0.1, "best")],
)
def test_a_verdict_reads_as_a_sentence(kept, similarity, word):
    text = str(Verdict(kept, similarity, 0.25, (112, 56, 28)))
    place = "in the 112-px window at (56, 28)"
    assert text == f"{word} {place}: {similarity:.2f} against background 0.25"


def test_probability_is_a_softmax_of_two():
    scores = torch.tensor([0.31, 0.28])
    wanted = (scores * 100).softmax(0)[0].item()
    verdict = Verdict(True, *scores.tolist(), (1, 0, 0))
    assert class_probability(verdict, 100.0) == pytest.approx(wanted, rel=1e-5)
    assert class_probability(Verdict(True, 0.3, 0.3, (1, 0, 0)), 100.0) == 0.5
