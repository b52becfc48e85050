"""CLIP image and text towers."""

from lexiseg.models.clip.model import ClipNetwork
from lexiseg.models.clip.text import TextConfig, TextTower
from lexiseg.models.clip.transformer import Block
from lexiseg.models.clip.vision import PositionTable, VisionConfig, VisionTower

__all__ = [
    "Block",
    "ClipNetwork",
    "PositionTable",
    "TextConfig",
    "TextTower",
    "VisionConfig",
    "VisionTower",
]
