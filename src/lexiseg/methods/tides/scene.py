"""What is known of an image before anything is named, and what earlier questions found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.methods.tides.canvas import Canvas, input_size, window_batches
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.prompted_masks import PromptedMasks
from lexiseg.types import DenseFeatures, DenseScorer, ImageEmbedding, Mask, PromptableSegmenter

WINDOWS_AT_ONCE = {"cpu": 16, "cuda": 128}


@dataclass
class Scene:
    """An encoded image; ask it about any number of vocabularies.

    Attributes:
        image: (H, W, 3) uint8 RGB; masks come back at this size.
        canvas: the grids the image is worked on.
        features: of all windows, per window size.
        embedding: the segmenter's.
        masks: answers of the segmenter to the points prompted so far.
        finished: masks at image size by their number in `masks`.
        path: where the image came from.
        encode_ms: milliseconds that the encoding took.
    """

    image: NDArray[np.uint8]
    canvas: Canvas
    features: tuple[DenseFeatures, ...]
    embedding: ImageEmbedding
    masks: PromptedMasks
    finished: dict[tuple[int, int], Mask] = field(default_factory=dict, repr=False)
    path: Path | None = None
    encode_ms: float = 0.0


@torch.no_grad()
def encode_scene(
    image: NDArray[np.uint8],
    scorer: DenseScorer,
    segmenter: PromptableSegmenter,
    config: TidesConfig,
) -> Scene:
    """Run the scorer on all windows and the segmenter's encoder on the image.

    Args:
        image: (H, W, 3) uint8 RGB.
        scorer: its image encoder sees the windows.
        segmenter: its encoder sees the image.
        config: step A.
    """
    canvas = Canvas.plan((image.shape[0], image.shape[1]), scorer, config)
    pixels = canvas.pixels(image).to(scorer.device)
    at_once = WINDOWS_AT_ONCE.get(scorer.device.type, 64)
    features = []
    for grid in canvas.grids:
        batches = window_batches(pixels, grid, input_size(grid, scorer, config), at_once)
        parts = [scorer.encode(scorer.normalize(batch)) for batch in batches]
        features.append(DenseFeatures.concatenate(parts))
    embedding = segmenter.encode(image)
    masks = PromptedMasks(segmenter, embedding, canvas)
    return Scene(image, canvas, tuple(features), embedding, masks)
