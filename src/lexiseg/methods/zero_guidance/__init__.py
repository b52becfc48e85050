"""Zero-guidance: what is in this picture?"""

from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig, find_variant
from lexiseg.methods.zero_guidance.method import ZeroGuidance
from lexiseg.methods.zero_guidance.pipeline import Scene
from lexiseg.methods.zero_guidance.presets import PRESETS, Preset
from lexiseg.methods.zero_guidance.segments import Segments

__all__ = [
    "PRESETS",
    "Preset",
    "Scene",
    "Segments",
    "ZeroCapConfig",
    "ZeroGuidance",
    "ZeroGuidanceConfig",
    "find_variant",
]
