"""Parts that methods share, by their names, and what a recipe says of their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lexiseg.config import override, to_dict
from lexiseg.models.bundled import bundled_weights
from lexiseg.models.hub import PublishedFile, checkpoints
from lexiseg.models.image_text import load_image_text
from lexiseg.registry import SCORERS, SEGMENTERS
from lexiseg.types import DenseScorer, PromptableSegmenter


def segmenter_checkpoints(
    name: str, weights: str | Path | None
) -> tuple[str | Path | PublishedFile, ...]:
    """The checkpoints that a segmenter will be loaded from, as far as that is known beforehand.

    Args:
        name: in `SEGMENTERS`.
        weights: hub id, folder or file in place of those the name stands for.

    Raises:
        UnknownNameError: no such segmenter.
    """
    segmenter = SEGMENTERS[name]
    if weights is not None:
        return (weights,)
    if isinstance(segmenter, PublishedFile):
        return (segmenter,)
    return (name,) if name in checkpoints() or name in bundled_weights() else ()


def check_scorer(name: str, options: Mapping[str, object]) -> None:
    """Check what is asked of a scorer before anything is loaded.

    Raises:
        UnknownNameError: no such scorer or option.
        UsageError: a value of the wrong type or out of its range.
    """
    kind = getattr(SCORERS[name], "config_type", None)
    if kind is not None:
        override(kind(), options)


def load_scorer(
    name: str, weights: str | Path, device: str, dtype: str, options: Mapping[str, object]
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
    scorer: DenseScorer = SCORERS[name](load_image_text(weights, device, dtype), **options)
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


SeenT = TypeVar("SeenT")
SeenT_co = TypeVar("SeenT_co", covariant=True)


class ImageEncoder(Protocol[SeenT_co]):
    """A part that looks at a picture once."""

    def encode(self, image: NDArray[np.uint8], /) -> SeenT_co:
        """All that is known of an (H, W, 3) uint8 RGB image before any question."""
        ...


@runtime_checkable
class BatchEncoder(Protocol[SeenT_co]):
    """One that can look at several in one pass."""

    def encode_many(self, images: Sequence[NDArray[np.uint8]], /) -> Sequence[SeenT_co]:
        """The same of several images, in their order."""
        ...


def encode_all(part: ImageEncoder[SeenT], images: Sequence[NDArray[np.uint8]]) -> Sequence[SeenT]:
    """What a part knows of images, in their order; in one pass if it can.

    Args:
        part: segmenter, detector or the like.
        images: (H, W, 3) uint8 RGB.
    """
    if isinstance(part, BatchEncoder):
        many: Sequence[SeenT] = part.encode_many(images)
        return many
    return [part.encode(image) for image in images]


def part_options(part: str, config: object) -> Mapping[str, object]:
    """Options of a part as its method's `load` takes them: ``scorer.templates`` and so on.

    Args:
        part: what `load` calls it.
        config: its settings, a dataclass; None for a part that has none.
    """
    if config is None:
        return {}
    return {f"{part}.{name}": value for name, value in to_dict(config).items()}


def source_of(weights: str | Path | None) -> str | None:
    """Where weights come from, as a recipe notes it."""
    return None if weights is None else str(weights)
