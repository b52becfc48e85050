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


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 8), st.sampled_from([0.03, 0.1, 0.5, 0.9]))
def test_small_regions_against_flooding(seed, least, density):
    mask = np.random.default_rng(seed).random((7, 9)) < density
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


def test_of_islands_that_are_all_small_the_largest_stays():
    mask = np.zeros((9, 9), dtype=bool)
    mask[0, 0] = mask[4, 4] = mask[5, 5] = mask[8, 0:3] = True  # 1, 2 over a corner, and 3 pixels
    wanted = np.zeros_like(mask)
    wanted[8, 0:3] = True
    assert np.array_equal(remove_small_regions(mask, 4), wanted)
    wanted[[4, 5], [4, 5]] = True
    assert np.array_equal(remove_small_regions(mask, 2), wanted)


def test_a_lone_pixel_stays_and_nothing_stays_nothing():
    nothing = np.zeros((6, 4), dtype=bool)
    assert not remove_small_regions(nothing, 3).any()
    for place in np.ndindex(6, 4):
        lone = nothing.copy()
        lone[place] = True
        for least in (0, 1, 2, 9):  # the rest of the picture is no hole
            assert np.array_equal(remove_small_regions(lone, least), lone)
