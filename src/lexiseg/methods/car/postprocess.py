"""From soft proposals to final masks: background score, dense CRF, one label per pixel.

Sun et al. 2024, section 3.4.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.proposals import enlarge
from lexiseg.methods.car.scene import Scene
from lexiseg.ops.crf import unary_from_scores

LABEL_ELEMENTS = 2**26  # labels x pixels that compete at most, 256 MB
BINARY_CHUNK = 32  # two-label fields solved together

PixelT = TypeVar("PixelT", bound=np.generic)
LabelMap = NDArray[np.int64]


def label_map(scene: Scene, proposals: Tensor, config: CarConfig) -> LabelMap:
    """Let the proposals and the background compete for every pixel of the canvas.

    Args:
        scene: the encoded image.
        proposals: (K, n) in [0, 1] on the patch grid.
        config: exponent of the background score and the CRF.

    Returns:
        (H, W) int64, 0 = background, k = proposal k - 1.
    """
    if not len(proposals):
        return np.zeros(scene.canvas_hw, dtype=np.int64)
    candidates = strongest(proposals, LABEL_ELEMENTS // scene.canvas[..., 0].size)
    soft = enlarge(proposals[candidates], scene.grid_hw, scene.canvas_hw)
    scores = torch.cat([background_score(soft.amax(0, keepdim=True), config), soft]).cpu().numpy()
    if config.use_crf:
        scores = scene.crf(config.crf).infer(unary_from_scores(scores))
    number = np.append(0, candidates.cpu().numpy() + 1)
    labels: LabelMap = number[scores.argmax(axis=0)]
    return labels


def strongest(proposals: Tensor, limit: int) -> Tensor:
    """Positions, ascending, of the proposals that lead on most patches, at most `limit` (>= 1).

    Only hundreds of survivors reach the limit; it keeps the memory of the CRF bounded.
    """
    limit = max(1, limit)
    if len(proposals) <= limit:
        return torch.arange(len(proposals), device=proposals.device)
    led = proposals.argmax(dim=0).bincount(minlength=len(proposals))
    return led.argsort(descending=True, stable=True)[:limit].sort().values


def binary_masks(scene: Scene, proposals: Tensor, config: CarConfig) -> NDArray[np.bool_]:
    """Let each proposal compete with the background alone (referring segmentation).

    Returns:
        (K, H, W) bool at canvas size.
    """
    if not len(proposals):
        return np.zeros((0, *scene.canvas_hw), dtype=bool)
    masks = []
    for chunk in torch.split(proposals, BINARY_CHUNK):
        soft = enlarge(chunk, scene.grid_hw, scene.canvas_hw)
        scores = torch.stack([background_score(soft, config), soft], dim=1).cpu().numpy()
        if config.use_crf:
            scores = scene.crf(config.crf).infer_binary(unary_from_scores(scores))
        masks.append(scores[:, 1] > scores[:, 0])
    return np.concatenate(masks)


def background_score(strongest: Tensor, config: CarConfig) -> Tensor:
    """What no proposal claims: (1 - strongest proposal) ** background_factor."""
    return (1 - strongest) ** config.background_factor


def to_image_size(labels: NDArray[PixelT], size_hw: tuple[int, int]) -> NDArray[PixelT]:
    """Enlarge labels or a mask (H, W) to the image by the nearest pixel."""
    if labels.shape == size_hw:
        return labels
    rows, columns = (
        (np.arange(size) * source) // size
        for size, source in zip(size_hw, labels.shape, strict=True)
    )
    enlarged: NDArray[PixelT] = labels[rows[:, None], columns]
    return enlarged
