from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lexiseg.ops import foreground as module
from lexiseg.ops.foreground import (
    component_iou,
    foreground_overlap,
    foreground_probability,
    normalize_scores,
    semantic_scores,
    sum_inside,
)


def draw(seed: int, classes: int = 3, masks: int = 5, cells: int = 24):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(classes, cells, generator=generator, dtype=torch.float64)
    background = torch.rand(cells, generator=generator, dtype=torch.float64)
    drawn = torch.rand(masks, cells, generator=generator) > 0.6
    return scores, background, drawn


def test_normalize_spans_zero_to_one_and_keeps_constant_rows_finite() -> None:
    normalized = normalize_scores(torch.tensor([[0.2, 0.3, 0.25], [0.7, 0.7, 0.7]]))
    torch.testing.assert_close(normalized, torch.tensor([[0.0, 1.0, 0.5], [0.0, 0.0, 0.0]]))


@given(seed=st.integers(0, 999), temperature=st.sampled_from([1.0, 10.0, 100.0]))
@settings(max_examples=10, deadline=None)
def test_probabilities_follow_the_written_out_rules(seed: int, temperature: float) -> None:
    scores, background, _ = draw(seed)
    normal, rival = normalize_scores(scores), normalize_scores(background)
    outputs = {
        rule: foreground_probability(scores, background, rule, temperature)
        for rule in ("background", "raw-background", "joint-background", "min-max")
    }
    raw = torch.empty_like(scores)
    for c in range(len(scores)):
        for i in range(scores.shape[1]):
            own = math.exp(temperature * (float(normal[c, i]) - 1))
            other = math.exp(temperature * (float(rival[i]) - 1))
            everyone = sum(math.exp(temperature * (float(v) - 1)) for v in normal[:, i]) + other
            assert float(outputs["background"][c, i]) == pytest.approx(own / (own + other))
            assert float(outputs["joint-background"][c, i]) == pytest.approx(own / everyone)
            gap = float(background[i] - scores[c, i])
            raw[c, i] = 1 / (1 + math.exp(temperature * gap))
    torch.testing.assert_close(outputs["raw-background"], normalize_scores(raw))
    torch.testing.assert_close(outputs["min-max"], normal)


def test_temperature_one_never_removes_a_cell() -> None:
    scores, background, _ = draw(0, cells=200)
    assert foreground_probability(scores, background, "background", 1.0).min() > 0.26


@pytest.mark.parametrize("chunk", [2**24, 30])
def test_overlap_and_semantic_scores_equal_sets(monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", chunk)
    scores, _, masks = draw(3)
    masks[0] = False
    fore = scores > 0.5
    overlap = foreground_overlap(masks, fore)
    by_mask = semantic_scores(masks, scores, fore)
    by_foreground = semantic_scores(masks, scores, fore, "foreground")
    for n, mask in enumerate(masks):
        for c, one in enumerate(fore):
            inside = {i for i in range(24) if mask[i]}
            cells = {i for i in range(24) if one[i]}
            both = inside & cells
            total = sum(float(scores[c, i]) for i in both)
            assert float(overlap.iou[n, c]) == pytest.approx(len(both) / len(inside | cells))
            assert float(overlap.coverage[n, c]) == pytest.approx(len(both) / max(1, len(inside)))
            assert float(by_mask[n, c]) == pytest.approx(total / max(1, len(inside)))
            assert float(by_foreground[n, c]) == pytest.approx(total / max(1, len(both)))


def test_component_iou_sees_only_the_part_that_holds_the_prompt() -> None:
    rng = np.random.default_rng(0)
    fore = torch.from_numpy(rng.random((3, 6, 7)) > 0.5)
    fore[2] = False
    masks = torch.from_numpy(rng.random((10, 42)) > 0.4)
    points = torch.from_numpy(rng.integers(0, 42, 10))
    ours = component_iou(masks, points, fore)
    for n in range(10):
        for c in range(3):
            labels, _ = ndimage.label(fore[c].numpy())
            held = labels.ravel()[points[n]]
            part = labels.ravel() == held if held else np.zeros(42, bool)
            mask = masks[n].numpy()
            expected = (mask & part).sum() / (mask | part).sum() if held else 0.0
            assert float(ours[n, c]) == pytest.approx(expected)


def test_no_masks_and_no_classes_give_empty_arrays() -> None:
    nothing = torch.zeros(0, 24, dtype=torch.bool)
    scores, _, masks = draw(0)
    assert sum_inside(nothing, scores).shape == (0, 3)
    assert foreground_overlap(masks, nothing).iou.shape == (5, 0)
    assert component_iou(masks, torch.zeros(5, dtype=torch.long), nothing.view(0, 4, 6)).shape == (
        5,
        0,
    )
