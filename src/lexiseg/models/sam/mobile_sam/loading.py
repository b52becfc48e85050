"""Load MobileSAM from its published file."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lexiseg.models.sam.mobile_sam.config import MOBILE_SAM, TinyVitConfig
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.variant import (
    PromptingConfig,
    PublishedSegmenter,
    SamVariant,
    fill_variant,
)

# TinyViT's classifier travels with the trunk; segmentation does not use it.
CLASSIFIER = ("image_encoder.norm_head.", "image_encoder.head.")


def fill_mobile_sam(
    state: Mapping[str, Tensor],
    origin: str,
    config: TinyVitConfig = MOBILE_SAM,
    prompting: PromptingConfig | None = None,
) -> SamVariant:
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
    return fill_variant(lambda: TinyVit(config), prompting or PromptingConfig(), used, origin)


load_mobile_sam = PublishedSegmenter(
    "mobile-sam",
    "mobile_sam.pt",
    "the weights folder of the MobileSAM code repository (github.com/ChaoningZhang/MobileSAM)",
    lambda state, origin, *where: fill_mobile_sam(state, origin).segmenter(Preprocessing(), *where),
)
