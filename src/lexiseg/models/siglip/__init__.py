"""SigLIP and SigLIP 2: image and text towers, pooled by attention instead of a CLS token."""

from lexiseg.models.siglip.encoder import Siglip
from lexiseg.models.siglip.tower import PooledTower, SiglipBlock

__all__ = ["PooledTower", "Siglip", "SiglipBlock"]
