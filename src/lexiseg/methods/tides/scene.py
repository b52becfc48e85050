"""What is known of an image before anything is named, and what earlier questions found out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.methods.tides.canvas import Canvas
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.prompted_masks import PromptedMasks
from lexiseg.scorers.dense_maps import DenseMaps, choose_cell, encode_windows, fit_canvas
from lexiseg.types import DenseScorer, ImageEmbedding, PromptableSegmenter


@dataclass
class Scene:
    """An encoded image; ask it about any number of vocabularies.

    Attributes:
        image: (H, W, 3) uint8 RGB; masks come back at this size.
        canvas: the cells the image is worked on.
        windows: features of all windows, per window size.
        embedding: the segmenter's.
        masks: answers of the segmenter to the points prompted so far.
        path: where the image came from.
        encode_ms: milliseconds that the encoding took.
    """

    image: NDArray[np.uint8]
    canvas: Canvas
    windows: DenseMaps
    embedding: ImageEmbedding
    masks: PromptedMasks
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
    windows = config.window_config
    side = choose_cell(scorer, windows)
    whole_cells = side.numerator if config.short_side == "cells" else 1
    maps = encode_windows(scorer, fit_canvas(image, config.long_side, whole_cells), windows)
    canvas = Canvas((image.shape[0], image.shape[1]), maps.cells)
    embedding = segmenter.encode(image)
    return Scene(image, canvas, maps, embedding, PromptedMasks(segmenter, embedding, canvas))
