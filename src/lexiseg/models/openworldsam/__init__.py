"""OpenWorldSAM's adapter: the trained part between BEiT-3 and SAM 2 (Xiao et al., NeurIPS 2025)."""

from lexiseg.models.openworldsam.adapter import Adapter, Queries
from lexiseg.models.openworldsam.config import AdapterConfig, Layout, Scope
from lexiseg.models.openworldsam.frozen import load_sam2, refuse_sam21
from lexiseg.models.openworldsam.loading import load_adapter, save_adapter

__all__ = [
    "Adapter",
    "AdapterConfig",
    "Layout",
    "Queries",
    "Scope",
    "load_adapter",
    "load_sam2",
    "refuse_sam21",
    "save_adapter",
]
