"""A scorer and a segmenter by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexiseg.models.bundled import bundled_folder, bundled_weights
from lexiseg.models.image_text import load_image_text
from lexiseg.registry import SCORERS, SEGMENTERS
from lexiseg.types import DenseScorer, PromptableSegmenter

SCORER_PREFIX = "scorer."


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the method, and those dotted ``scorer.`` that are the scorer's own.

    Example:
        >>> split_options({"bins": 20, "scorer.surgery": "single"})
        ({'bins': 20}, {'surgery': 'single'})
    """
    own, scorer = {}, {}
    for name, value in options.items():
        if name.startswith(SCORER_PREFIX):
            scorer[name.removeprefix(SCORER_PREFIX)] = value
        else:
            own[name] = value
    return own, scorer


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
    clip = load_image_text(_place(weights), device, dtype)
    clip.name = str(weights)
    scorer: DenseScorer = build(clip, **options)
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


def describe(part: Any) -> str:
    """Name and fingerprint of a part's weights, as far as it tells them."""
    network = getattr(part, "clip", part)
    name = getattr(network, "name", type(part).__name__)
    digest = getattr(network, "fingerprint", "")
    return f"{name} sha256:{digest}" if digest else str(name)


def _place(weights: str | Path) -> str | Path:
    is_bundled = str(weights).startswith("mini-") or str(weights) in bundled_weights()
    return bundled_folder(str(weights)) if is_bundled else weights
