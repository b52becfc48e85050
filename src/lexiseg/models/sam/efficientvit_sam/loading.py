"""Load EfficientViT-SAM from its published files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.config import look_up
from lexiseg.models.sam.efficientvit_sam.config import EFFICIENTVIT_SAM, EfficientVitConfig
from lexiseg.models.sam.efficientvit_sam.encoder import EfficientVitEncoder
from lexiseg.models.sam.efficientvit_sam.layers import EPS
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.sam.variant import (
    PromptingConfig,
    PublishedSegmenter,
    SamVariant,
    fill_variant,
)

SOURCE = "the model zoo of the EfficientViT code repository (github.com/mit-han-lab/efficientvit)"
PROMPTING = PromptingConfig(eps=EPS)  # unlike SAM's, its decoder has this eps too


def published(variant: str) -> PublishedSegmenter:
    """What loads a variant.

    Args:
        variant: "l0", "l1", "l2", "xl0" or "xl1".

    Raises:
        UnknownNameError: no such variant.
    """
    config = look_up("EfficientViT-SAM variant", EFFICIENTVIT_SAM, variant)
    return PublishedSegmenter(
        f"efficientvit-sam-{variant}",
        f"efficientvit_sam_{variant}.pt",
        SOURCE,
        lambda state, origin, *where: fill_efficientvit_sam(state, origin, config).segmenter(
            preprocessing(config), *where
        ),
    )


def load_efficientvit_sam(
    variant: str,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    weights: str | Path | None = None,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Segmenter:
    """Load an EfficientViT-SAM.

    Args:
        variant: "l0", "l1", "l2", "xl0" or "xl1".
        device: "auto" or a torch device.
        dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
        weights: the file, or a hub id that holds it.
        revision: branch, tag or commit, for a hub id.
        download: allow fetching from the hub.
    """
    load = published(variant)
    return load(device, dtype, weights, revision=revision, download=download)


def preprocessing(config: EfficientVitConfig, frame: int = PROMPTING.frame) -> Preprocessing:
    """What the encoder sees; prompts refer to a square of side `frame` whatever its input."""
    return Preprocessing(size=config.image_side, prompt_size=frame)


def fill_efficientvit_sam(
    state: Mapping[str, Tensor],
    origin: str,
    config: EfficientVitConfig,
    prompting: PromptingConfig = PROMPTING,
) -> SamVariant:
    """Build an EfficientViT-SAM from tensors in the published layout.

    Args:
        state: key -> tensor.
        origin: what to call them in messages.
        config: sizes of the image encoder.
        prompting: sizes of the rest.

    Raises:
        CheckpointError: keys or shapes do not fit.
    """
    return fill_variant(lambda: EfficientVitEncoder(config), prompting, state, origin)


load_efficientvit_sam_l0 = published("l0")
load_efficientvit_sam_l1 = published("l1")
load_efficientvit_sam_l2 = published("l2")
load_efficientvit_sam_xl0 = published("xl0")
load_efficientvit_sam_xl1 = published("xl1")
