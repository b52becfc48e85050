"""Promptable segmenters: points, boxes and masks in, candidate masks out."""

from lexiseg.models.segmenters.automatic import (
    CAR_CONFIG,
    AutomaticConfig,
    AutomaticMasks,
    Proposal,
)
from lexiseg.models.segmenters.decoder import HqDecoder, MaskDecoder, Sam2Decoder
from lexiseg.models.segmenters.families import FAMILIES
from lexiseg.models.segmenters.loading import load_segmenter
from lexiseg.models.segmenters.preprocess import Preprocessing
from lexiseg.models.segmenters.prompts import PromptEncoder
from lexiseg.models.segmenters.segmenter import Segmenter

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
