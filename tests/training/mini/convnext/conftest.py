"""A tiny ConvNeXt beside the bundled text tower."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import BpeTokenizer, Clip
from lexiseg.models.conv_clip.saving import save_conv_clip
from lexiseg.training.mini.convnext.learner import SIZES, begin_network

TINY = replace(SIZES, widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), hidden=64, image_size=64)
TEACHER = bundled_folder("mini-clip-proposal")


def tiny_clip(folder: Path) -> Path:
    """Weights as `convnext` writes them, untrained."""
    torch.manual_seed(0)
    teacher = Clip.load(TEACHER, "cpu", torch.float32).network
    save_conv_clip(begin_network(TINY, teacher), folder)
    BpeTokenizer(TEACHER).save(folder)
    return folder
