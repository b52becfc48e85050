"""The networks of CaR: one CLIP proposes masks, one judges them, a segmenter may sharpen them."""

from __future__ import annotations

from pathlib import Path

from lexiseg.methods.car.config import CarConfig
from lexiseg.models.bundled import bundled_or_given
from lexiseg.models.clip import Clip, PositionTable
from lexiseg.models.hub import require_weights
from lexiseg.registry import SEGMENTERS
from lexiseg.types import MaskProposer


def load_clip_pair(
    proposal: str | Path, classifier: str | Path, device: str, dtype: str, config: CarConfig
) -> tuple[Clip, Clip]:
    """Load both, or one for both if they are the same weights.

    Args:
        proposal: hub id, folder, file or bundled name of the CAM tower's weights.
        classifier: the same for the mask classifier.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        config: how position tables are rounded.

    Raises:
        WeightsNotFoundError: weights are not on this machine.
        CheckpointError: they do not fit.
    """
    require_weights(bundled_or_given(proposal), bundled_or_given(classifier))
    first = _load(proposal, device, dtype, config)
    same = str(proposal) == str(classifier)
    return first, first if same else _load(classifier, device, dtype, config)


def _load(source: str | Path, device: str, dtype: str, config: CarConfig) -> Clip:
    position = PositionTable(round_fp16=config.procedure.round_positions)
    clip = Clip.load(bundled_or_given(source), device, dtype, position=position)
    clip.name = str(source)
    return clip


def load_mask_proposer(name: str, device: str, dtype: str) -> MaskProposer:
    """A segmenter asked for everything, with the settings of the paper (section 3.4).

    Args:
        name: of `SEGMENTERS`.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.

    Raises:
        UnknownNameError: no such segmenter.
        WeightsNotFoundError: its weights are not on this machine.
    """
    load = SEGMENTERS[name]
    # Imported here because it brings transformers, which takes seconds.
    from lexiseg.models.sam import CAR_CONFIG, AutomaticMasks

    return AutomaticMasks(load(device=device, dtype=dtype), CAR_CONFIG)
