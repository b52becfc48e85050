from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.methods.dense.labels import LabelRule, label_pixels
from lexiseg.scorers.slide import PixelScores


def scores_of(logits: np.ndarray) -> PixelScores:
    rows = logits.shape[1]
    return PixelScores(torch.eye(rows, dtype=torch.float64), torch.from_numpy(logits))


def slow_labels(logits, query_class, rule, background):
    """The published post-processing, step by step."""
    exponent = np.exp(rule.logit_scale * logits)
    shares = exponent / exponent.sum(0)
    classes = max(query_class) + 1
    best = np.stack(
        [shares[[q for q, k in enumerate(query_class) if k == c]].max(0) for c in range(classes)]
    )
    winner = best.argmax(0)
    area = np.array([(winner == c).sum() for c in range(classes)], float)
    first = 1 if background else 0
    if rule.min_area:
        for c in range(first, classes):
            if area[c] <= rule.min_area * area[first:].sum():
                best[c] = 0
    return best.argmax(0), best.max(0)


@given(seed=st.integers(0, 999), min_area=st.sampled_from([0.0, 0.2]), background=st.booleans())
@settings(max_examples=20, deadline=None)
def test_labels_equal_the_slow_twin(seed: int, min_area: float, background: bool) -> None:
    logits = np.random.default_rng(seed).normal(0, 0.05, (6, 7, 9))
    query_class = [0, 0, 1, 2, 2, 3]
    rule = LabelRule(40, min_area=min_area)
    labels = label_pixels(scores_of(logits), torch.tensor(query_class), rule, background=background)
    classes, probability = slow_labels(logits, query_class, rule, background)
    np.testing.assert_array_equal(labels.classes.numpy(), classes)
    np.testing.assert_allclose(labels.probability.numpy(), probability, atol=1e-6)
    assert (labels.peak > 0).all() and (labels.peak <= 1).all()
