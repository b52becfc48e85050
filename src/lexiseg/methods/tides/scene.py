"""What is known of an image before anything is named, and what earlier questions found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.methods.base import BaseScene
from lexiseg.methods.parts import encode_all
from lexiseg.methods.tides.canvas import Canvas
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.prompted_masks import PromptedMasks
from lexiseg.scorers.dense_maps import DenseMaps, choose_cell, encode_canvases, fit_canvas
from lexiseg.types import DenseScorer, ImageEmbedding, PromptableSegmenter


@dataclass(frozen=True, eq=False)
class Scene(BaseScene):
    """An encoded image; ask it about any number of vocabularies.

    Attributes:
        canvas: the cells the image is worked on.
        windows: features of all windows, per window size.
        embedding: the segmenter's.
        masks: answers of the segmenter to the points prompted so far.
    """

    canvas: Canvas
    windows: DenseMaps
    embedding: ImageEmbedding
    masks: PromptedMasks


@torch.no_grad()
def encode_scenes(
    images: Sequence[NDArray[np.uint8]],
    scorer: DenseScorer,
    segmenter: PromptableSegmenter,
    config: TidesConfig,
) -> list[Scene]:
    """Run the scorer on all windows and the segmenter's encoder on the images.

    Args:
        images: (H, W, 3) uint8 RGB.
        scorer: its image encoder sees the windows.
        segmenter: its encoder sees the images.
        config: step A.
    """
    windows = config.window_config
    side = choose_cell(scorer, windows)
    whole_cells = side.numerator if config.short_side == "cells" else 1
    fitted = [fit_canvas(image, config.long_side, whole_cells) for image in images]
    seen = encode_canvases(scorer, fitted, windows)
    scenes = []
    for image, maps, embedding in zip(images, seen, encode_all(segmenter, images), strict=True):
        canvas = Canvas((image.shape[0], image.shape[1]), maps.cells)
        masks = PromptedMasks(segmenter, embedding, canvas)
        scenes.append(Scene(image, canvas, maps, embedding, masks))
    return scenes
