"""CaR, CLIP as RNN: which pixels belong to these names, and which names are not here at all?"""

from lexiseg.methods.car.config import CarConfig, Procedure, SegmentEnsemble
from lexiseg.methods.car.pipeline import CaR
from lexiseg.methods.car.presets import PRESETS, Preset
from lexiseg.methods.car.scene import Scene

__all__ = ["PRESETS", "CaR", "CarConfig", "Preset", "Procedure", "Scene", "SegmentEnsemble"]
