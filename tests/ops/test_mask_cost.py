"""Costs of candidates against the same losses written out pair by pair."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from lexiseg.ops import mask_cost
from lexiseg.ops.mask_cost import full_size, mask_costs, scaled


def loop(logits: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """One candidate and one segment at a time."""
    entropy = torch.zeros(len(logits), len(segments), dtype=torch.float64)
    dice = torch.zeros_like(entropy)
    for q, x in enumerate(logits.double()):
        for g, t in enumerate(segments.double()):
            entropy[q, g] = binary_cross_entropy_with_logits(x, t)
            s = x.sigmoid()
            dice[q, g] = 1 - (2 * (s * t).sum() + 1) / (s.sum() + t.sum() + 1)
    return entropy, dice


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 4), st.integers(1, 17),
    st.integers(1, 19), st.sampled_from([0.1, 3.0, 40.0]),
)  # fmt: skip
def test_costs_equal_the_loop_over_pairs(seed, queries, truths, height, width, spread) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(queries, height, width, generator=generator)
    segments = torch.rand(truths, height, width, generator=generator) > 0.5
    for ours, theirs in zip(mask_costs(logits, segments), loop(logits, segments), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_chunks_do_not_change_the_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, segments = torch.randn(7, 5, 6), torch.rand(3, 20, 24) > 0.5
    whole = mask_costs(logits, segments)
    monkeypatch.setattr(mask_cost, "CHUNK_VALUES", 2 * 20 * 24)
    assert [len(part) for part in full_size(logits, (20, 24))] == [2, 2, 2, 1]
    for one, other in zip(whole, mask_costs(logits, segments), strict=True):
        torch.testing.assert_close(one, other)


def test_candidates_are_scaled_to_the_segments() -> None:
    logits = torch.randn(2, 4, 5).half()
    large = interpolate(logits[:, None].float(), (9, 11), mode="bilinear", align_corners=False)
    torch.testing.assert_close(scaled(logits, (9, 11)), large[:, 0])
    segments = torch.rand(2, 9, 11) > 0.5
    torch.testing.assert_close(mask_costs(logits, segments), mask_costs(large[:, 0], segments))


@pytest.mark.parametrize(("queries", "truths"), [(0, 3), (3, 0), (0, 0)])
def test_no_candidates_or_no_segments_give_empty_costs(queries: int, truths: int) -> None:
    entropy, dice = mask_costs(torch.zeros(queries, 4, 4), torch.zeros(truths, 4, 4))
    assert entropy.shape == dice.shape == (queries, truths)
