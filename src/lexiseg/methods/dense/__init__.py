"""Semantic segmentation by dense scorers alone: one class per method, all with the same steps."""

from __future__ import annotations

from lexiseg.methods.dense.config import DenseConfig
from lexiseg.methods.dense.segmenter import DenseScene, DenseSegmenter

__all__ = [
    "ClearClipSegmenter",
    "ClipSurgerySegmenter",
    "DenseConfig",
    "DenseScene",
    "DenseSegmenter",
    "MaskClipSegmenter",
    "NaClipSegmenter",
    "ScClipSegmenter",
    "SclipSegmenter",
]


class MaskClipSegmenter(DenseSegmenter):
    """MaskCLIP (Zhou et al. 2022)."""

    name = "maskclip"


class SclipSegmenter(DenseSegmenter):
    """SCLIP (Wang et al. 2024)."""

    name = "sclip"


class ScClipSegmenter(DenseSegmenter):
    """SC-CLIP (Bai et al. 2025)."""

    name = "sc-clip"


class ClipSurgerySegmenter(DenseSegmenter):
    """CLIP Surgery (Li et al. 2023)."""

    name = "clip-surgery"


class ClearClipSegmenter(DenseSegmenter):
    """ClearCLIP (Lan et al. 2024)."""

    name = "clearclip"


class NaClipSegmenter(DenseSegmenter):
    """NACLIP (Hajimiri et al. 2025), without its optional refinement."""

    name = "naclip"
