"""Presets name weights and segmenters that exist, and settings that their methods know."""

from __future__ import annotations

import pytest

from lexiseg.config import override
from lexiseg.methods.baselines import (
    ClipSegConfig,
    GroundedSamConfig,
    OwlSamConfig,
    SamClipConfig,
    presets,
)
from lexiseg.models.bundled import bundled_weights
from lexiseg.models.hub import checkpoints
from lexiseg.registry import SEGMENTERS

CONFIGS = {
    "SAM_CLIP": SamClipConfig,
    "GROUNDED_SAM": GroundedSamConfig,
    "OWL_SAM": OwlSamConfig,
    "CLIPSEG": ClipSegConfig,
}


@pytest.mark.parametrize("table", CONFIGS)
def test_every_preset_can_be_loaded_where_its_weights_are(table):
    known = {checkpoint.hub for checkpoint in checkpoints().values()} | set(bundled_weights())
    for preset in getattr(presets, table).values():
        assert preset.weights in known
        assert preset.segmenter in SEGMENTERS or (table == "CLIPSEG" and not preset.segmenter)
        assert override(CONFIGS[table](), preset.options)
