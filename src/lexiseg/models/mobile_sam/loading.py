"""Load MobileSAM from its published file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lexiseg.models.mobile_sam.config import MOBILE_SAM, TinyVitConfig
from lexiseg.models.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.segmenters.descendant import (
    PromptingConfig,
    PublishedFile,
    SamDescendant,
    fill_descendant,
)
from lexiseg.models.segmenters.preprocess import Preprocessing
from lexiseg.models.segmenters.segmenter import Segmenter

FILE = PublishedFile(
    "mobile-sam",
    "mobile_sam.pt",
    "the weights folder of the MobileSAM code repository (github.com/ChaoningZhang/MobileSAM)",
)
# TinyViT's classifier travels with the trunk; segmentation does not use it.
CLASSIFIER = ("image_encoder.norm_head.", "image_encoder.head.")


def load_mobile_sam(
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    weights: str | Path | None = None,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Segmenter:
    """Load MobileSAM.

    Args:
        device: "auto" or a torch device.
        dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
        weights: the published ``mobile_sam.pt``, or the same tensors as .safetensors, or a hub id
            that holds them.
        revision: branch, tag or commit, for a hub id.
        download: allow fetching from the hub.

    Raises:
        WeightsNotFoundError: not given or nowhere; the message says where to get them.
        CheckpointError: they do not fit.

    Example:
        >>> sam = load_mobile_sam(weights="mobile_sam.pt")                 # doctest: +SKIP
        >>> embedding = sam.encode(image)                                  # doctest: +SKIP
        >>> answer = sam.predict(embedding, points=[[[120.0, 80.0]]])      # doctest: +SKIP
    """
    return FILE.load(
        lambda state, origin, *where: fill_mobile_sam(state, origin).segmenter(
            Preprocessing(), *where
        ),
        device, dtype, weights, revision, download,
    )  # fmt: skip


def fill_mobile_sam(
    state: Mapping[str, Tensor],
    origin: str,
    config: TinyVitConfig = MOBILE_SAM,
    prompting: PromptingConfig | None = None,
) -> SamDescendant:
    """Build MobileSAM, or a network of its kind, from tensors in the published layout.

    Args:
        state: key -> tensor.
        origin: what to call them in messages.
        config: sizes of the image encoder.
        prompting: sizes of the rest; None for SAM's.

    Raises:
        CheckpointError: keys or shapes do not fit.
    """
    used = {key: tensor for key, tensor in state.items() if not key.startswith(CLASSIFIER)}
    return fill_descendant(lambda: TinyVit(config), prompting or PromptingConfig(), used, origin)
