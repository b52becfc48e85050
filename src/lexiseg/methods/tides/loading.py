"""A scorer and a segmenter by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexiseg.models.image_text import load_image_text
from lexiseg.registry import SCORERS, SEGMENTERS
from lexiseg.types import DenseScorer, PromptableSegmenter


def load_scorer(
    name: str, weights: str | Path, device: str, dtype: str, options: Mapping[str, Any]
) -> DenseScorer:
    """A dense scorer on a CLIP.

    Args:
        name: in `SCORERS`.
        weights: hub id, folder, file or bundled name of the CLIP or SigLIP.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        options: fields of the scorer's config.

    Raises:
        UnknownNameError: no such scorer or option.
        WeightsNotFoundError: the weights are not on this machine.
    """
    build = SCORERS[name]
    scorer: DenseScorer = build(load_image_text(weights, device, dtype), **options)
    return scorer


def load_segmenter(
    name: str, weights: str | Path | None, device: str, dtype: str
) -> PromptableSegmenter:
    """A promptable segmenter.

    Args:
        name: in `SEGMENTERS`.
        weights: hub id, folder or file in place of those the name stands for.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.

    Raises:
        UnknownNameError: no such segmenter.
        WeightsNotFoundError: the weights are not on this machine.
    """
    segmenter: PromptableSegmenter = SEGMENTERS[name](device=device, dtype=dtype, weights=weights)
    return segmenter
