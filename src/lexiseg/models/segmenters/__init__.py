"""Promptable segmenters: points, boxes and masks in, candidate masks out."""

from lexiseg.models.segmenters.decoder import HqDecoder, MaskDecoder, Sam2Decoder
from lexiseg.models.segmenters.families import FAMILIES
from lexiseg.models.segmenters.preprocess import Preprocessing
from lexiseg.models.segmenters.prompts import PromptEncoder
from lexiseg.models.segmenters.segmenter import Segmenter

__all__ = [
    "FAMILIES",
    "HqDecoder",
    "MaskDecoder",
    "Preprocessing",
    "PromptEncoder",
    "Sam2Decoder",
    "Segmenter",
]
