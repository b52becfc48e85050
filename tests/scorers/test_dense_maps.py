from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.registry import SCORERS
from lexiseg.scorers.dense_maps import DenseMaps, WindowConfig, encode_windows, fit_canvas

TRIPLE = WindowConfig(sizes=(24, 36, 48))


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def scorer(clip):
    return SCORERS["clip-surgery"](clip)


@pytest.fixture(scope="module")
def texts(scorer) -> torch.Tensor:
    return scorer.embed_texts(["dog", "cat", "grass"])


def test_maps_average_the_scores_of_windows_at_native_size(scorer, texts) -> None:
    canvas = picture(48, 72)
    maps = encode_windows(scorer, canvas, TRIPLE)
    assert maps.cells.side == 2 and maps.maps(texts).shape == (3, 24, 36)
    whole = encode_windows(scorer, canvas, WindowConfig(sizes=(48,), cell=8))
    pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 255
    total, count = torch.zeros(3, 6, 9), torch.zeros(6, 9)
    for left in (0, 24):
        features = scorer.encode(scorer.normalize(pixels[..., left : left + 48]))
        total[:, :, left // 8 : left // 8 + 6] += scorer.score(features, texts)[0].permute(2, 0, 1)
        count[:, left // 8 : left // 8 + 6] += 1
    torch.testing.assert_close(whole.maps(texts), total / count, atol=1e-5, rtol=0)


def test_batch_size_does_not_matter(scorer, texts) -> None:
    canvas = picture(50, 60)
    one, many = (
        encode_windows(scorer, canvas, WindowConfig(sizes=(24, 48), batch=size)).maps(texts)
        for size in (1, 64)
    )
    torch.testing.assert_close(one, many, atol=1e-5, rtol=0)


def test_image_scores_are_of_each_window_and_plain_clips(scorer, texts) -> None:
    maps = encode_windows(scorer, picture(48, 72), TRIPLE)
    scores = maps.image_scores(texts)
    assert scores.shape == (len(maps.windows), 3)
    assert maps.windows[-1] == (24, 0, 72, 48)
    expected = torch.cat([part.clip_cls for part in maps.features]) @ texts.T
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize("short_side", ["stretch", "pad"])
@pytest.mark.parametrize("input_size", ["native", "own"])
@pytest.mark.parametrize("size", [(1, 1), (10, 200), (130, 12)])
def test_extreme_shapes(scorer, texts, size, input_size, short_side) -> None:
    config = WindowConfig(sizes=(24, 48), input=input_size, short_side=short_side)
    maps = encode_windows(scorer, picture(*size), config)
    assert isinstance(maps, DenseMaps)
    fused = maps.maps(texts)
    assert fused.shape[1:] == maps.cells.shape and torch.isfinite(fused).all()


def test_canvas_has_whole_cells() -> None:
    assert fit_canvas(picture(75, 100), 512, 4).shape == (384, 512, 3)
    assert fit_canvas(picture(200, 4096), 512, 4).shape == (24, 512, 3)
    assert fit_canvas(picture(1, 400), 512, 4).shape == (4, 512, 3)


def test_windows_without_extent_are_refused() -> None:
    with pytest.raises(UsageError, match="make no sense"):
        WindowConfig(sizes=())
