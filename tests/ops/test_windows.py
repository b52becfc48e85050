from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.windows import (
    CellGrid,
    WindowGrid,
    bilinear_matrix,
    cell_side,
    cover,
    fuse_windows,
    window_starts,
)


@pytest.mark.parametrize(
    ("canvas", "counts"),
    [
        ((384, 512), [54, 24, 12]),
        ((340, 512), [54, 24, 12]),
        ((288, 512), [45, 18, 8]),
        ((512, 512), [81, 36, 16]),
    ],
)
def test_window_counts_of_the_paper(canvas: tuple[int, int], counts: list[int]) -> None:
    assert [len(WindowGrid.over(canvas, size, size // 2)) for size in (112, 168, 224)] == counts


@given(length=st.integers(1, 300), size=st.integers(1, 120), stride=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_windows_stay_inside_and_reach_the_end(length: int, size: int, stride: int) -> None:
    starts = window_starts(length, size, stride)
    shown = min(size, length)
    assert starts[0] == 0 and starts[-1] == length - shown
    assert all(0 < later - earlier <= stride for earlier, later in itertools.pairwise(starts))


def test_cell_divides_the_tokens_or_halves_the_smallest() -> None:
    assert cell_side((112, 168, 224), 14) == 4
    assert cell_side((112, 168, 224), 7) == 8
    assert cell_side((112, 168, 224), 16) == Fraction(7, 2)
    assert cell_side((112, 168, 225), 14) == 4


def slow_fusion(scores, grids, canvas_hw, blend):
    """Pixel by pixel with constant blocks; every token a whole number of pixels."""
    classes = scores[0].shape[-1]
    sums, counts = [], []
    for maps, grid in zip(scores, grids, strict=True):
        total, count = np.zeros((classes, *canvas_hw)), np.zeros(canvas_hw)
        for window, (x0, y0, x1, y1) in zip(maps.numpy(), grid.boxes, strict=True):
            block = np.repeat(
                np.repeat(window, (y1 - y0) // len(window), 0), (x1 - x0) // window.shape[1], 1
            )
            total[:, y0:y1, x0:x1] += block.transpose(2, 0, 1)
            count[y0:y1, x0:x1] += 1
        sums.append(total)
        counts.append(count)
    if blend == "windows":
        return sum(sums) / sum(counts)
    return sum(total / count for total, count in zip(sums, counts, strict=True)) / len(sums)


@given(
    seed=st.integers(0, 999),
    rows=st.integers(8, 20),
    columns=st.integers(8, 20),
    blend=st.sampled_from(["windows", "scales"]),
)
@settings(max_examples=15, deadline=None)
def test_fusion_on_cells_is_the_average_per_pixel(seed, rows, columns, blend) -> None:
    rng = np.random.default_rng(seed)
    canvas_hw, sizes, tokens = (4 * rows, 4 * columns), (16, 24, 32), 2
    grids = [WindowGrid.over(canvas_hw, size, size // 2) for size in sizes]
    scores = [torch.from_numpy(rng.random((len(grid), tokens, tokens, 3))) for grid in grids]
    cells = CellGrid(canvas_hw, cell_side(sizes, tokens))
    ours = fuse_windows(scores, grids, cells, blend).numpy()
    pixels = slow_fusion(scores, grids, canvas_hw, blend)
    side = int(cells.side)
    pooled = pixels.reshape(3, ours.shape[1], side, ours.shape[2], side).mean((2, 4))
    np.testing.assert_allclose(ours, pooled, atol=1e-12)


def test_short_canvas_fractional_tokens_and_cut_cells_keep_the_mean() -> None:
    canvas_hw = (21, 90)
    grids = [WindowGrid.over(canvas_hw, size, size // 2) for size in (32, 48)]
    assert grids[0].size_hw == (21, 32)
    cells = CellGrid(canvas_hw, Fraction(7, 2))
    assert cells.shape == (6, 26)
    scores = [torch.full((len(grid), 5, 5, 2), 0.25) for grid in grids]
    for expansion in ("constant", "bilinear"):
        fused = fuse_windows(scores, grids, cells, "windows", expansion)
        torch.testing.assert_close(fused, torch.full((2, 6, 26), 0.25))


def test_bilinear_cover_of_one_window_is_torchs_resizing() -> None:
    values = torch.rand(7, dtype=torch.float64)
    expected = F.interpolate(values[None, None], size=20, mode="linear")[0, 0]
    torch.testing.assert_close(bilinear_matrix(20, 7) @ values, expected)
    torch.testing.assert_close(cover((0,), 20, 7, 20, expansion="bilinear") @ values, expected)


def test_cell_centers_are_points_of_the_canvas() -> None:
    cells = CellGrid((10, 16), Fraction(4))
    assert cells.shape == (3, 4)
    centers = cells.centers(torch.tensor([0, 5, 11]))
    assert centers.tolist() == [[2.0, 2.0], [6.0, 6.0], [14.0, 9.0]]
