"""Promptable segmenters: points, boxes and masks in, candidate masks out."""

from lexiseg.models.sam.automatic import (
    CAR_CONFIG,
    AutomaticConfig,
    AutomaticMasks,
    Proposal,
)
from lexiseg.models.sam.decoder import HqDecoder, MaskDecoder, Sam2Decoder
from lexiseg.models.sam.families import FAMILIES
from lexiseg.models.sam.loading import load_segmenter
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.models.sam.segmenter import Segmenter

__all__ = [
    "CAR_CONFIG",
    "FAMILIES",
    "AutomaticConfig",
    "AutomaticMasks",
    "HqDecoder",
    "MaskDecoder",
    "Preprocessing",
    "PromptEncoder",
    "Proposal",
    "Sam2Decoder",
    "Segmenter",
    "load_segmenter",
]
