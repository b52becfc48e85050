"""What people compare with: other ways from names to masks, on the same protocol."""

from lexiseg.methods.baselines.config import SamClipConfig
from lexiseg.methods.baselines.sam_clip import SamClip

__all__ = ["SamClip", "SamClipConfig"]
