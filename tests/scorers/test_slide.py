from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.registry import SCORERS
from lexiseg.scorers import slide
from lexiseg.scorers.dense_maps import WindowConfig, encode_windows
from lexiseg.scorers.slide import pixel_scores


def test_two_matrices_equal_enlarge_average_and_resize(clip, monkeypatch) -> None:
    monkeypatch.setattr(slide, "STRIP_ELEMENTS", 3 * 50 * 7)  # several strips
    scorer = SCORERS["sclip"](clip)
    canvas = np.random.default_rng(0).integers(0, 256, (60, 76, 3), dtype=np.uint8)
    config = WindowConfig(sizes=(48,), input="own", expansion="bilinear")
    maps = encode_windows(scorer, canvas, config)
    texts = scorer.embed_texts(["a", "b", "c"])
    strips = list(pixel_scores(maps, texts, (41, 50)).strips())
    assert len(strips) > 1
    total, count = torch.zeros(3, 60, 76), torch.zeros(60, 76)
    (scores,) = maps.token_scores(texts)
    for window, (x0, y0, x1, y1) in zip(scores, maps.windows, strict=True):
        enlarged = F.interpolate(window.permute(2, 0, 1)[None], (y1 - y0, x1 - x0), mode="bilinear")
        total[:, y0:y1, x0:x1] += enlarged[0]
        count[y0:y1, x0:x1] += 1
    expected = F.interpolate((total / count)[None], (41, 50), mode="bilinear")[0]
    ours = torch.cat([strip for _, strip in strips], dim=1)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_several_window_sizes_are_no_slide(clip) -> None:
    scorer = SCORERS["clip"](clip)
    maps = encode_windows(scorer, np.zeros((48, 48, 3), np.uint8), WindowConfig(sizes=(24, 48)))
    with pytest.raises(ValueError):
        pixel_scores(maps, scorer.embed_texts(["a"]), (48, 48))
