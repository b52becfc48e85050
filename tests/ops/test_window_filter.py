from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.ops.crf import CrfConfig, DenseCrf
from lexiseg.ops.window_filter import WindowFilter


def dense_kernel(size_hw, sigma, colors=None) -> np.ndarray:
    """All pairs, written out."""
    features = np.indices(size_hw).reshape(2, -1) / sigma
    if colors is not None:
        features = np.concatenate([features, colors.reshape(3, -1)])
    return np.exp(-0.5 * ((features[:, :, None] - features[:, None]) ** 2).sum(0))


@pytest.mark.parametrize("size_hw", [(7, 9), (1, 6), (5, 1), (1, 1)])
@pytest.mark.parametrize("sigma", [0.6, 3.0])
def test_filter_is_the_matrix_product(size_hw: tuple[int, int], sigma: float) -> None:
    rng = np.random.default_rng(0)
    colors = rng.normal(size=(3, *size_hw))
    values = rng.normal(size=(2, size_hw[0] * size_hw[1]))
    for given in (None, colors):
        tensor = None if given is None else torch.from_numpy(given)
        ours = WindowFilter(size_hw, sigma, tensor).filter(torch.from_numpy(values))
        np.testing.assert_allclose(ours, values @ dense_kernel(size_hw, sigma, given), atol=1e-6)


def test_scale_surrounds_the_kernel() -> None:
    window = WindowFilter((3, 4), 1.0)
    values, factor = torch.rand(2, 12), torch.rand(12)
    expected = 2.5 * factor * window.filter(values * factor)
    window.scale(factor, 2.5)
    torch.testing.assert_close(window.filter(values), expected)


def test_mean_field_with_windows_is_exact() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 60, (6, 8, 3), dtype=np.uint8)
    unary = rng.normal(size=(3, 6, 8)).astype(np.float32)
    config = CrfConfig(
        iterations=4, spatial_sigma=1.5, bilateral_sigma=2.0, color_sigma=13.0, image="rgb",
        backend="window",
    )  # fmt: skip
    kernels = [
        (config.spatial_weight, dense_kernel((6, 8), 1.5)),
        (config.bilateral_weight, dense_kernel((6, 8), 2.0, image.transpose(2, 0, 1) / 13)),
    ]
    costs = unary.reshape(3, -1)
    logits = -costs
    for step in range(5):
        marginals = np.exp(logits - logits.max(0))
        marginals /= marginals.sum(0)
        messages = [w * (marginals / np.sqrt(k.sum(1))) @ k / np.sqrt(k.sum(1)) for w, k in kernels]
        logits = sum(messages) - costs if step < 4 else logits
    found = DenseCrf(image, config).infer(unary)
    np.testing.assert_allclose(found, marginals.reshape(found.shape), atol=1e-5)
