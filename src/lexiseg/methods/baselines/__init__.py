"""What people compare with: other ways from names to masks, on the same protocol."""

from lexiseg.methods.baselines.box_prompted import GroundedSam, OwlSam
from lexiseg.methods.baselines.clipseg import ClipSegMethod
from lexiseg.methods.baselines.config import (
    ClipSegConfig,
    GroundedSamConfig,
    OwlSamConfig,
    SamClipConfig,
)
from lexiseg.methods.baselines.sam_clip import SamClip

__all__ = [
    "ClipSegConfig",
    "ClipSegMethod",
    "GroundedSam",
    "GroundedSamConfig",
    "OwlSam",
    "OwlSamConfig",
    "SamClip",
    "SamClipConfig",
]
