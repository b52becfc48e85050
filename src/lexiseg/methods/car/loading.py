"""The two CLIPs of CaR: one proposes masks, one judges them."""

from __future__ import annotations

from pathlib import Path

from lexiseg.methods.car.config import CarConfig
from lexiseg.models.bundled import bundled_folder, bundled_weights
from lexiseg.models.clip import Clip, PositionTable


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
    first = _load(proposal, device, dtype, config)
    same = str(proposal) == str(classifier)
    return first, first if same else _load(classifier, device, dtype, config)


def _load(source: str | Path, device: str, dtype: str, config: CarConfig) -> Clip:
    position = PositionTable(round_fp16=config.procedure.round_positions)
    is_bundled = str(source).startswith("mini-") or str(source) in bundled_weights()
    place = bundled_folder(str(source)) if is_bundled else source
    clip = Clip.load(place, device, dtype, position=position)
    clip.name = str(source)
    return clip
