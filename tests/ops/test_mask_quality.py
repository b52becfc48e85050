"""Stability and repair of masks against slow twins."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.mask_quality import remove_small_regions, stability_score


def test_stability_is_the_iou_of_two_thresholds():
    logits = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0)) * 2
    found = stability_score(logits, offset=0.7, threshold=0.2)
    for place in np.ndindex(2, 3):
        high, low = logits[place] > 0.9, logits[place] > -0.5
        wanted = (high & low).sum() / (high | low).sum()
        assert abs(found[place] - wanted) < 1e-6
    assert stability_score(torch.full((4, 4), -9.0)) == 0


def islands(mask):
    """Connected regions over edges and corners, by flooding."""
    left = {tuple(place) for place in np.argwhere(mask)}
    while left:
        stack, region = [left.pop()], []
        while stack:
            y, x = stack.pop()
            region.append((y, x))
            near = {(y + a, x + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            stack += near
        yield region


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 8))
def test_small_regions_against_flooding(seed, least):
    mask = np.random.default_rng(seed).random((7, 9)) < 0.5
    filled = mask.copy()
    for hole in islands(~mask):
        if len(hole) < least:
            filled[tuple(np.transpose(hole))] = True
    regions = list(islands(filled))
    wanted = np.zeros_like(mask)
    for region in regions:
        if len(region) >= least:
            wanted[tuple(np.transpose(region))] = True
    found = remove_small_regions(mask, least)
    if regions and not wanted.any():
        assert found.sum() == max(len(region) for region in regions)
        assert (found <= filled).all() and len(list(islands(found))) == 1
    else:
        assert np.array_equal(found, wanted)
