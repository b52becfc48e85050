"""OpenWorldSAM: a small trained adapter on frozen SAM 2 and BEiT-3 (Xiao et al., NeurIPS 2025)."""

from lexiseg.methods.openworldsam.config import ClipFilter, OpenWorldSamConfig
from lexiseg.methods.openworldsam.method import OpenWorldSam
from lexiseg.methods.openworldsam.presets import PRESETS, Preset
from lexiseg.methods.openworldsam.scene import Scene

__all__ = ["PRESETS", "ClipFilter", "OpenWorldSam", "OpenWorldSamConfig", "Preset", "Scene"]
