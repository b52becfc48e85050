"""TIDES: where is each single object of these names?"""

from lexiseg.methods.tides.config import BACKGROUND_WORDS, TidesConfig, variant_config
from lexiseg.methods.tides.method import Tides, TidesRaw
from lexiseg.methods.tides.presets import PRESETS, Preset
from lexiseg.methods.tides.scene import Scene

__all__ = [
    "BACKGROUND_WORDS",
    "PRESETS",
    "Preset",
    "Scene",
    "Tides",
    "TidesConfig",
    "TidesRaw",
    "variant_config",
]
