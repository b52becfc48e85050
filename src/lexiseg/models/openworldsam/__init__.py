"""OpenWorldSAM's adapter: the trained part between BEiT-3 and SAM 2 (Xiao et al., NeurIPS 2025)."""

from lexiseg.models.openworldsam.adapter import Adapter, Queries
from lexiseg.models.openworldsam.config import AdapterConfig
from lexiseg.models.openworldsam.loading import load_adapter, save_adapter

__all__ = ["Adapter", "AdapterConfig", "Queries", "load_adapter", "save_adapter"]
