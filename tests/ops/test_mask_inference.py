"""The three rules against a literal reading of them, pixel by pixel and candidate by candidate."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops import full_size_masks
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import panoptic_division, ranked_objects, semantic_strips
from lexiseg.types import Frame

FRAME = Frame((12, 16), (12, 16), (12, 16))


def scene(seed: int, candidates: int = 7, classes: int = 4):
    torch.manual_seed(seed)
    logits = 4 * torch.randn(candidates, 3, 4)
    probabilities = (2 * torch.randn(candidates, classes + 1)).softmax(dim=-1)
    return probabilities, FullSizeMasks(logits, FRAME), torch.rand(classes) > 0.5


def slow_panoptic(probabilities, masks, is_thing, min_score, min_overlap):
    scores, labels = probabilities.max(dim=1)
    kept = [
        q
        for q in range(len(scores))
        if labels[q] != probabilities.shape[1] - 1 and scores[q] > min_score
    ]
    ids = torch.zeros(masks.size_hw, dtype=torch.long)
    segments, stuff = [], {}
    if not kept:
        return ids, segments
    shares = masks.full(torch.tensor(kept)).sigmoid()
    owner = torch.stack([scores[q] * s for q, s in zip(kept, shares, strict=True)]).argmax(dim=0)
    for place, q in enumerate(kept):
        own, whole = owner == place, shares[place] >= 0.5
        both = own & whole
        if not (own.any() and whole.any() and both.any()):
            continue
        if own.sum() / whole.sum() < min_overlap:
            continue
        label = int(labels[q])
        if not is_thing[label] and label in stuff:
            ids[both] = stuff[label]
            continue
        ids[both] = len(segments) + 1
        segments.append((len(segments) + 1, label))
        if not is_thing[label]:
            stuff[label] = len(segments)
    return ids, segments


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.4]), st.sampled_from([0.3, 0.8]))
def test_panoptic_division_reads_like_the_rule(seed: int, score: float, overlap: float) -> None:
    probabilities, masks, is_thing = scene(seed)
    ours = panoptic_division(probabilities, masks, is_thing, score, overlap)
    ids, segments = slow_panoptic(probabilities, masks, is_thing, score, overlap)
    assert torch.equal(ours.ids, ids)
    assert [(segment.id, segment.label) for segment in ours.segments] == segments


def test_fates_name_the_step_that_took_each_candidate_away() -> None:
    logits = torch.full((5, 3, 4), -9.0)
    logits[0] = 9.0  # all of the picture
    logits[1, :, :2] = 5.0  # half of it, less sure: the first has it all
    logits[4, 0, 0] = 9.0
    probabilities = torch.tensor(
        [[0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.55, 0.45], [0.5001, 0.4999]]
    )
    masks = FullSizeMasks(logits, FRAME)
    things = torch.tensor([True])
    assert panoptic_division(probabilities, masks, things).fates == (
        *("kept", "hidden", "void", "hidden", "hidden"),
    )
    strict = panoptic_division(probabilities, masks, things, min_score=0.7)
    assert strict.fates == ("kept", "score", "void", "score", "score")


def test_a_candidate_that_loses_much_of_its_mask_is_dropped() -> None:
    logits = torch.full((2, 3, 4), -9.0)
    logits[0, :, :2], logits[1, :, :] = 9.0, 5.0
    probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    masks, things = FullSizeMasks(logits, FRAME), torch.tensor([True])
    assert panoptic_division(probabilities, masks, things).fates == ("kept", "overlap")
    assert panoptic_division(probabilities, masks, things, min_overlap=0.3).fates[1] == "kept"


def test_nobody_left_gives_an_empty_map() -> None:
    masks = FullSizeMasks(torch.zeros(2, 3, 4), FRAME)
    division = panoptic_division(torch.tensor([[0.1, 0.9]] * 2), masks, torch.tensor([True]))
    assert not division.ids.any() and not division.segments
    assert division.fates == ("void", "void")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 100]))
def test_objects_are_the_best_pairs_weighted_by_their_masks(seed: int, count: int) -> None:
    probabilities, masks, is_thing = scene(seed)
    ours = ranked_objects(probabilities, masks, is_thing, count)
    pairs = [
        (float(p), q, c) for q, row in enumerate(probabilities[:, :-1]) for c, p in enumerate(row)
    ]
    expected = []
    for p, q, c in sorted(pairs, reverse=True)[:count]:
        logits = masks.full(torch.tensor([q]))[0]
        inside = logits > 0
        mean = float((logits.sigmoid() * inside).sum() / (inside.sum() + 1e-6))
        expected += [(q, c, p * mean)] if is_thing[c] else []
    found = zip(ours.candidates.tolist(), ours.labels.tolist(), ours.scores.tolist(), strict=True)
    for (q, c, score), (query, label, wanted) in zip(sorted(found), sorted(expected), strict=True):
        assert (q, c) == (query, label) and score == pytest.approx(wanted, abs=1e-5)
    assert ours.scores.tolist() == sorted(ours.scores.tolist(), reverse=True)


def test_class_scores_are_masks_weighted_by_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_size_masks, "STRIP_ELEMENTS", 7 * 16 * 5)
    probabilities, masks, _ = scene(3)
    parts = [scores for _, scores in semantic_strips(probabilities, masks)]
    assert len(parts) == 3
    shares = masks.full(torch.arange(7)).sigmoid()
    expected = torch.einsum("qc,qhw->chw", probabilities, shares)
    torch.testing.assert_close(torch.cat(parts, dim=1), expected)
