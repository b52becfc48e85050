"""Zero-guidance: what is in this picture?"""

from lexiseg.methods.zero_guidance.config import ZeroCapConfig, ZeroGuidanceConfig, find_variant
from lexiseg.methods.zero_guidance.segments import Segments

__all__ = ["Segments", "ZeroCapConfig", "ZeroGuidanceConfig", "find_variant"]
