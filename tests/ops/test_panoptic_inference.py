"""Panoptic inference against the released code's steps, one candidate and one pixel at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.mask_cost import scaled
from lexiseg.ops.panoptic_inference import (
    PanopticThresholds,
    panoptic_inference,
    semantic_inference,
)


def slow(probabilities, masks, is_thing, object_mask, overlap):
    """Section by section as Mask2Former's code runs, on (Q, H, W) mask probabilities."""
    scores, labels = probabilities.max(-1)
    keep = labels.ne(probabilities.shape[1] - 1) & (scores > object_mask)
    height, width = masks.shape[1:]
    ids, classes, queries, stuff = np.zeros((height, width), int), [], [], {}
    kept = [q for q in range(len(masks)) if keep[q]]
    owner = np.zeros((height, width), int)
    for y in range(height):
        for x in range(width):
            values = [float(scores[q] * masks[q, y, x]) for q in kept]
            owner[y, x] = values.index(max(values)) if values else 0
    for place, q in enumerate(kept):
        own = (masks[q] >= 0.5).numpy()
        won, final = owner == place, (owner == place) & own
        if not won.sum() or not own.sum() or not final.sum() or won.sum() / own.sum() < overlap:
            continue
        label = int(labels[q])
        if not is_thing[label] and label in stuff:
            ids[final] = stuff[label]
            continue
        classes.append(label)
        queries.append(q)
        ids[final] = len(classes)
        if not is_thing[label]:
            stuff[label] = len(classes)
    return ids, tuple(classes), tuple(queries)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(0, 8), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.5, 0.8]),
)  # fmt: skip
def test_equals_the_steps_written_out(seed, queries, height, width, object_mask, overlap) -> None:
    generator = torch.Generator().manual_seed(seed)
    classes = 4
    probabilities = (3 * torch.randn(queries, classes + 1, generator=generator)).softmax(1)
    logits = 3 * torch.randn(queries, height, width, generator=generator)
    if queries > 1:  # equal candidates, of which the first wins
        probabilities[1], logits[1] = probabilities[0], logits[0]
    is_thing = np.array([True, False, True, False])
    won = panoptic_inference(
        probabilities, logits, (height, width), is_thing, PanopticThresholds(object_mask, overlap)
    )
    ids, made, makers = slow(probabilities, logits.sigmoid(), is_thing, object_mask, overlap)
    np.testing.assert_array_equal(won.ids, ids)
    assert (won.classes, won.queries) == (made, makers)


def test_it_says_which_candidates_were_void_scored_and_survived() -> None:
    logits = torch.tensor([[[9.0, 9.0]], [[9.0, 9.0]], [[9.0, -9.0]]])
    probabilities = torch.tensor([[0.9, 0.0, 0.1], [0.8, 0.0, 0.2], [0.1, 0.1, 0.8]])
    won = panoptic_inference(
        probabilities, logits, (1, 2), np.array([True, True]), PanopticThresholds(0.5, 0.8)
    )
    assert won.scored.tolist() == [True, True, False]
    assert won.survived.tolist() == [True, False, False]
    assert won.queries == (0,)


@pytest.mark.parametrize(("queries", "classes"), [(0, 3), (1, 1), (5, 4), (9, 300)])
def test_classes_of_pixels_are_the_largest_sums(queries: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(queries)
    scores = torch.rand(queries, classes, generator=generator)
    logits = torch.randn(queries, 4, 5, generator=generator)
    large = scaled(logits, (9, 8)).sigmoid() if queries else torch.zeros(0, 9, 8)
    expected = torch.einsum("qc,qhw->chw", scores, large).argmax(dim=0)
    found = semantic_inference(scores, logits, (9, 8))
    np.testing.assert_array_equal(found, expected.numpy())
