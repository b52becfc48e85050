"""The networks of CaR: one CLIP proposes masks, one judges them, a segmenter may sharpen them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lexiseg.config import override
from lexiseg.methods.parts import load_segmenter
from lexiseg.models.clip import Clip
from lexiseg.types import MaskProposer


def load_clip_pair(
    proposal: str | Path, classifier: str | Path, device: str, dtype: str
) -> tuple[Clip, Clip]:
    """Load both, or one for both if they are the same weights.

    Args:
        proposal: hub id, folder, file or bundled name of the CAM tower's weights.
        classifier: the same for the mask classifier.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.

    Raises:
        WeightsNotFoundError: weights are not on this machine.
        CheckpointError: they do not fit.
    """
    first = Clip.load(proposal, device, dtype)
    same = str(proposal) == str(classifier)
    return first, first if same else Clip.load(classifier, device, dtype)


def load_mask_proposer(
    name: str, weights: str | Path | None, device: str, dtype: str, options: Mapping[str, object]
) -> MaskProposer:
    """A segmenter asked for everything, by default with the settings of the paper (section 3.4).

    Args:
        name: of `SEGMENTERS`.
        weights: hub id, folder or file in place of those the name stands for.
        device: "auto" or a torch device.
        dtype: "auto" or a precision.
        options: fields of `AutomaticConfig`.

    Raises:
        UnknownNameError: no such segmenter or option.
        WeightsNotFoundError: its weights are not on this machine.
    """
    # Imported here because it brings transformers, which takes seconds.
    from lexiseg.models.sam import CAR_CONFIG, AutomaticMasks

    config = override(CAR_CONFIG, options)
    return AutomaticMasks(load_segmenter(name, weights, device, dtype), config)
