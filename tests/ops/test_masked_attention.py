"""Masked attention with global subtraction against the formulas written out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.masked_attention import GlobalSubtraction, row_agreement, subtraction_weight

TOKENS, HEADS, WIDTH = 7, 2, 4


def parts(batch, seed):
    torch.manual_seed(seed)
    return [torch.randn(batch, HEADS, TOKENS, WIDTH, dtype=torch.float64) for _ in range(3)]


def draw_masks(segments, seed, density=0.4):
    torch.manual_seed(seed + 1)
    shares = torch.rand(segments, TOKENS, dtype=torch.float64)
    masks = torch.where(torch.rand_like(shares) < density, shares, 0)
    masks[:, 0] = 1
    return masks


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def slow(q, k, v, mask, sigma_squared, saliency, project):
    """One segment, every row and head by itself."""
    p, pm = torch.zeros(HEADS, TOKENS, TOKENS).double(), torch.zeros(HEADS, TOKENS, TOKENS).double()
    for h in range(HEADS):
        for i in range(TOKENS):
            e = torch.exp(q[h, i] @ k[h].T / WIDTH**0.5)
            p[h, i], pm[h, i] = e / e.sum(), e * mask / (e * mask).sum()
    a, am = p @ v, pm @ v
    if sigma_squared is None:
        return am, None
    if saliency == "rows":
        pairs = [(p[h, i], pm[h, i]) for h in range(HEADS) for i in range(TOKENS)]
    elif saliency == "head-outputs":
        pairs = [(a[h, i], am[h, i]) for h in range(HEADS) for i in range(TOKENS)]
    else:
        pairs = [(a[:, i].flatten(), am[:, i].flatten()) for i in range(TOKENS)]
        if saliency == "projected":
            pairs = [(project(one), project(other)) for one, other in pairs]
    agreement = sum(cosine(one, other) for one, other in pairs) / len(pairs)
    weight = torch.exp(torch.tensor(-((agreement + 1) ** 2) / (2 * sigma_squared)))
    return am - weight * a[:, :1], agreement


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    segments=st.integers(1, 6),
    shared=st.booleans(),
    sigma_squared=st.sampled_from([None, 0.5, 2.5, 40.0]),
    saliency=st.sampled_from(["rows", "outputs", "head-outputs", "projected"]),
)
def test_equals_the_formulas(seed, segments, shared, sigma_squared, saliency):
    q, k, v = parts(1 if shared else segments, seed)
    masks = draw_masks(segments, seed)
    matrix = torch.randn(HEADS * WIDTH, 5, dtype=torch.float64)

    def project(mixed):
        return mixed.transpose(1, 2).flatten(2) @ matrix + 1

    attend = GlobalSubtraction(masks, sigma_squared, saliency, project)
    fast = attend(q, k, v)
    first = attend.first_rows(q, k, v, 1)
    for s in range(segments):
        row = 0 if shared else s
        expected, agreement = slow(
            q[row], k[row], v[row], masks[s], sigma_squared, saliency, lambda x: x @ matrix + 1
        )
        torch.testing.assert_close(fast[s], expected, atol=1e-6, rtol=1e-6)
        if sigma_squared is not None:
            assert float(attend.agreement[s]) == pytest.approx(agreement, abs=1e-6)
    torch.testing.assert_close(first, fast[:, :, :1])


def test_whole_picture_agrees_fully_and_a_single_token_least():
    q, k, _ = parts(1, 0)
    masks = torch.ones(2, TOKENS, dtype=torch.float64)
    masks[1, 1:] = 0
    agreement = row_agreement(q, k, masks)
    assert agreement[0] == pytest.approx(1)
    assert agreement[1] < 0.9


def test_extreme_logits_stay_finite():
    q, k, v = (500 * part.float() for part in parts(1, 3))
    out = GlobalSubtraction(draw_masks(4, 3).float())(q, k, v)
    assert out.isfinite().all()


def test_weight_falls_with_agreement():
    weight = subtraction_weight(torch.tensor([-1.0, 0.0, 1.0]), 2.5)
    assert weight.tolist() == pytest.approx([1, 0.818731, 0.449329], abs=1e-6)
