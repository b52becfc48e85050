"""BEiT-3: one transformer for pictures, texts and both together (Wang et al., CVPR 2023)."""

from lexiseg.models.beit3.config import Beit3Config
from lexiseg.models.beit3.encoder import Beit3
from lexiseg.models.beit3.network import Beit3Network

__all__ = ["Beit3", "Beit3Config", "Beit3Network"]
