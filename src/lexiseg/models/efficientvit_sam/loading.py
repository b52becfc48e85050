"""Load EfficientViT-SAM from its published files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.config import look_up
from lexiseg.models.efficientvit_sam.config import EFFICIENTVIT_SAM, EfficientVitConfig
from lexiseg.models.efficientvit_sam.encoder import EfficientVitEncoder
from lexiseg.models.efficientvit_sam.layers import EPS
from lexiseg.models.segmenters.descendant import (
    PromptingConfig,
    PublishedFile,
    SamDescendant,
    fill_descendant,
)
from lexiseg.models.segmenters.preprocess import Preprocessing
from lexiseg.models.segmenters.segmenter import Segmenter

SOURCE = "the model zoo of the EfficientViT code repository (github.com/mit-han-lab/efficientvit)"
PROMPTING = PromptingConfig(eps=EPS)  # unlike SAM's, its decoder has this eps too


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
        weights: the published ``efficientvit_sam_<variant>.pt``, or the same tensors as
            .safetensors, or a hub id that holds them.
        revision: branch, tag or commit, for a hub id.
        download: allow fetching from the hub.

    Raises:
        UnknownNameError: no such variant.
        WeightsNotFoundError: not given or nowhere; the message says where to get them.
        CheckpointError: they do not fit.

    Example:
        >>> sam = load_efficientvit_sam("l0", weights="efficientvit_sam_l0.pt")  # doctest: +SKIP
    """
    config = look_up("EfficientViT-SAM variant", EFFICIENTVIT_SAM, variant)
    file = PublishedFile(f"efficientvit-sam-{variant}", f"efficientvit_sam_{variant}.pt", SOURCE)
    return file.load(
        lambda state, origin, *where: fill_efficientvit_sam(state, origin, config).segmenter(
            preprocessing(config), *where
        ),
        device, dtype, weights, revision, download,
    )  # fmt: skip


def preprocessing(config: EfficientVitConfig, frame: int = PROMPTING.frame) -> Preprocessing:
    """What the encoder sees; prompts refer to a square of side `frame` whatever its input."""
    return Preprocessing(size=config.image_side, prompt_size=frame)


def fill_efficientvit_sam(
    state: Mapping[str, Tensor],
    origin: str,
    config: EfficientVitConfig,
    prompting: PromptingConfig = PROMPTING,
) -> SamDescendant:
    """Build an EfficientViT-SAM from tensors in the published layout.

    Args:
        state: key -> tensor.
        origin: what to call them in messages.
        config: sizes of the image encoder.
        prompting: sizes of the rest.

    Raises:
        CheckpointError: keys or shapes do not fit.
    """
    return fill_descendant(lambda: EfficientVitEncoder(config), prompting, state, origin)


load_efficientvit_sam_l0 = partial(load_efficientvit_sam, "l0")
load_efficientvit_sam_l1 = partial(load_efficientvit_sam, "l1")
load_efficientvit_sam_l2 = partial(load_efficientvit_sam, "l2")
load_efficientvit_sam_xl0 = partial(load_efficientvit_sam, "xl0")
load_efficientvit_sam_xl1 = partial(load_efficientvit_sam, "xl1")
