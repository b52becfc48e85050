"""Random weights of the published sizes: they compute nonsense exactly as fast as the real ones."""

from __future__ import annotations

import torch

from benchmarks.parity_car import ToyTokenizer
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig
from lexiseg.models.device import choose_device, choose_dtype

SIZES = {
    "B/16": (VisionConfig(), TextConfig()),
    "L/14": (
        VisionConfig(1024, 24, 16, patch_size=14, embed_dim=768),
        TextConfig(768, 12, 12, embed_dim=768),
    ),
}


def random_clip(size: str, dtype: str = "auto", device: str = "auto", seed: int = 0) -> Clip:
    """A CLIP of OpenAI's ViT-B/16 or ViT-L/14 sizes, built in its final precision."""
    vision, text = SIZES[size]
    place = choose_device(device)
    precision = choose_dtype(dtype, place)
    before = torch.get_default_dtype()
    torch.manual_seed(seed)
    torch.set_default_dtype(precision)
    try:
        state = ClipNetwork(vision, text).state_dict()
    finally:
        torch.set_default_dtype(before)
    words = ToyTokenizer(text.vocabulary, text.context)
    return Clip.from_state_dict(state, words, place, precision)
