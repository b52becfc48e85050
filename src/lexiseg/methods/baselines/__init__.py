"""What people compare with: other ways from names to masks, on the same protocol."""

from lexiseg.methods.baselines.box_prompted import GroundedSam, OwlSam
from lexiseg.methods.baselines.config import GroundedSamConfig, OwlSamConfig, SamClipConfig
from lexiseg.methods.baselines.sam_clip import SamClip

__all__ = [
    "GroundedSam",
    "GroundedSamConfig",
    "OwlSam",
    "OwlSamConfig",
    "SamClip",
    "SamClipConfig",
]
