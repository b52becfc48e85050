"""Self-supervised vision transformers: DINO, DINOv2 and DINOv3."""

from lexiseg.models.dino.config import DinoConfig
from lexiseg.models.dino.encoder import Dino
from lexiseg.models.dino.network import DinoNetwork
from lexiseg.models.dino.preprocess import Sampling, Statistics, choose_sampling, resize

__all__ = [
    "Dino",
    "DinoConfig",
    "DinoNetwork",
    "Sampling",
    "Statistics",
    "choose_sampling",
    "resize",
]
