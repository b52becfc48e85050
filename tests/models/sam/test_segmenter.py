"""A decoder fed with tokens of the caller's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.models.sam.prompts import Prompts
from lexiseg.models.sam.segmenter import join_candidates
from lexiseg.ops.token_sums import TokenSums

POINTS = np.array([[[8.0, 9.0]], [[20.0, 5.0]], [[30.0, 30.0]]])


@pytest.fixture(params=["sam", "sam2"])
def answered(request, segmenter_of):
    segmenter = segmenter_of(request.param)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return segmenter, segmenter.encode(image)


def joined(parts):
    parts = list(parts)
    return torch.cat([p.logits for p in parts]), torch.cat([p.scores for p in parts])


@torch.no_grad()
def test_tokens_of_points_give_the_answers_to_points(answered):
    segmenter, embedding = answered
    tokens = segmenter.prompts.sparse(Prompts.parse(POINTS, None, None, None), embedding.frame)
    logits, scores = joined(segmenter.predict_tokens(embedding, tokens))
    expected = segmenter.predict(embedding, points=POINTS, multimask=False)
    torch.testing.assert_close(logits, expected.logits)
    torch.testing.assert_close(scores, expected.scores)


@torch.no_grad()
def test_sam2_says_whether_there_is_an_object_and_sam_does_not(segmenter_of):
    """In one piece or several, from points or from their tokens."""
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for kind in ("sam", "sam2"):
        segmenter = segmenter_of(kind)
        embedding = segmenter.encode(image)
        whole = segmenter.predict(embedding, points=POINTS, multimask=False).object_logits
        assert (whole is None) == (kind == "sam")
        segmenter.prompts_at_once = 2
        tokens = segmenter.prompts.sparse(Prompts.parse(POINTS, None, None, None), embedding.frame)
        pieces = join_candidates(list(segmenter.predict_tokens(embedding, tokens))).object_logits
        again = segmenter.predict(embedding, points=POINTS).object_logits
        if whole is None:
            assert pieces is None and again is None
        else:
            assert whole.shape == (3, 1) and whole.std() > 0
            torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(again, whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_masks_alone_are_an_answer_without_tokens(answered):
    segmenter, embedding = answered
    first = segmenter.predict(embedding, points=POINTS, multimask=False).logits[:, 0]
    none = torch.zeros(len(first), 0, segmenter.prompts.no_mask.shape[0])
    logits, _ = joined(segmenter.predict_tokens(embedding, none, masks=first))
    expected = segmenter.predict(embedding, masks=first, multimask=False)
    torch.testing.assert_close(logits, expected.logits)


@torch.no_grad()
def test_pieces_change_nothing(answered):
    segmenter, embedding = answered
    tokens = torch.randn(5, 4, segmenter.prompts.no_mask.shape[0])
    whole = joined(segmenter.predict_tokens(embedding, tokens))
    segmenter.prompts_at_once = 2
    for one, other in zip(whole, joined(segmenter.predict_tokens(embedding, tokens)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_without_fallback_the_single_mask_stays(segmenter_of):
    segmenter = segmenter_of("sam2")
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    embedding = segmenter.encode(image)
    tokens = torch.randn(6, 2, segmenter.prompts.no_mask.shape[0])
    network = segmenter.decoder.network
    network.dynamic_multimask_stability_thresh = 2.0  # no mask is so stable
    settled, _ = joined(segmenter.predict_tokens(embedding, tokens))
    first, first_scores = joined(segmenter.predict_tokens(embedding, tokens, fallback=False))
    assert not torch.allclose(settled, first)
    network.dynamic_multimask_via_stability = False
    expected, scores = joined(segmenter.predict_tokens(embedding, tokens))
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(first_scores, scores)


def test_gradients_reach_the_tokens(answered):
    segmenter, embedding = answered
    tokens = torch.randn(2, 1, segmenter.prompts.no_mask.shape[0], requires_grad=True)
    logits, _ = joined(segmenter.predict_tokens(embedding, tokens, fallback=False))
    logits.square().mean().backward()
    assert tokens.grad is not None and tokens.grad.abs().sum() > 0


def test_gradients_of_the_object_logits_reach_the_tokens(segmenter_of):
    segmenter = segmenter_of("sam2")
    embedding = segmenter.encode(np.zeros((40, 50, 3), dtype=np.uint8))
    tokens = torch.randn(2, 1, segmenter.prompts.no_mask.shape[0], requires_grad=True)
    [answer] = segmenter.predict_tokens(embedding, tokens, fallback=False)
    assert answer.object_logits is not None
    answer.object_logits.sum().backward()
    assert tokens.grad is not None and (tokens.grad.abs().sum(dim=(1, 2)) > 0).all()


@torch.no_grad()
def test_sums_of_tokens_give_the_answers_to_their_tokens(answered):
    """The first layer projects the parts, whichever side the later ones project."""
    segmenter, embedding = answered
    width = segmenter.prompts.no_mask.shape[0]
    for count in (4, 20):
        sums = TokenSums(torch.randn(5, width), torch.randn(count, width))
        segmenter.prompts_at_once = 2
        whole = joined(segmenter.predict_tokens(embedding, sums.whole()))
        for one, other in zip(
            whole, joined(segmenter.predict_tokens(embedding, sums)), strict=True
        ):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
