"""Step A: scores of windows, brought to the same range if asked."""

from __future__ import annotations

import torch

from lexiseg.methods.tides.semantic_features import _normalize_windows


def test_every_class_is_stretched_within_every_window():
    maps = torch.rand(3, 4, 5, 2, generator=torch.Generator().manual_seed(0)) * 7 - 3
    maps[2, ..., 1] = 0.5
    found = _normalize_windows(maps)
    for window in range(3):
        for name in range(2):
            part = maps[window, ..., name]
            wanted = (part - part.min()) / (part.max() - part.min()).clamp_min(1e-30)
            torch.testing.assert_close(found[window, ..., name], wanted)
    assert not found[2, ..., 1].any()
