"""CLIP image and text towers."""

from lexiseg.models.clip.encoder import Clip
from lexiseg.models.clip.model import ClipNetwork
from lexiseg.models.clip.preprocess import Preprocessing, center_square, resize_to_multiple
from lexiseg.models.clip.pretrained import read_pretrained, save_pretrained
from lexiseg.models.clip.text import TextConfig, TextTower
from lexiseg.models.clip.tokenizer import BpeTokenizer, Tokenizer
from lexiseg.models.clip.transformer import Block
from lexiseg.models.clip.vision import PositionTable, VisionConfig, VisionTower

__all__ = [
    "Block",
    "BpeTokenizer",
    "Clip",
    "ClipNetwork",
    "PositionTable",
    "Preprocessing",
    "TextConfig",
    "TextTower",
    "Tokenizer",
    "VisionConfig",
    "VisionTower",
    "center_square",
    "read_pretrained",
    "resize_to_multiple",
    "save_pretrained",
]
