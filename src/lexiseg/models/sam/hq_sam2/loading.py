"""Load HQ-SAM 2.1 from its published file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers.initialization import no_init_weights
from transformers.models.sam2.configuration_sam2 import Sam2MaskDecoderConfig
from transformers.models.sam2.modeling_sam2 import Sam2Model

from lexiseg.config import look_up
from lexiseg.models.sam.hq_sam2.config import HQ_SAM2, HqSam2Config
from lexiseg.models.sam.hq_sam2.decoder import HqSam2Decoder, HqSam2MaskDecoder
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from lexiseg.models.sam.loading import place
from lexiseg.models.sam.modules import ImageEmbedder
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.sam.variant import PublishedSegmenter
from lexiseg.models.weights import load_strictly

SOURCE = "the model zoo of the SAM-HQ code repository (github.com/SysCV/sam-hq, folder sam-hq2)"


def published(variant: str) -> PublishedSegmenter:
    """What loads a variant.

    Args:
        variant: "large", the only published size.

    Raises:
        UnknownNameError: no such variant.
    """
    config = look_up("HQ-SAM 2.1 variant", HQ_SAM2, variant)
    return PublishedSegmenter(
        f"hq-sam2.1-{variant}",
        f"sam2.1_hq_hiera_{variant}.pt",
        SOURCE,
        lambda state, origin, *where: hq_sam2_segmenter(
            fill_hq_sam2(state, origin, config), config, *where
        ),
    )


def load_hq_sam2(
    variant: str,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    weights: str | Path | None = None,
    *,
    revision: str | None = None,
    download: bool = False,
) -> Segmenter:
    """Load HQ-SAM 2.1.

    Args:
        variant: "large", the only published size.
        device: "auto" or a torch device.
        dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
        weights: the file, or a hub id that holds it.
        revision: branch, tag or commit, for a hub id.
        download: allow fetching from the hub.
    """
    load = published(variant)
    return load(device, dtype, weights, revision=revision, download=download)


def fill_hq_sam2(state: Mapping[str, Tensor], origin: str, config: HqSam2Config) -> Sam2Model:
    """Build an HQ-SAM 2.1 from tensors in the published layout.

    Args:
        state: key -> tensor; the video parts of the file are not used.
        origin: what to call them in messages.
        config: sizes.

    Returns:
        transformers' `Sam2Model` whose decoder is a `HqSam2MaskDecoder`.

    Raises:
        CheckpointError: keys or shapes do not fit.
    """
    network = empty_hq_sam2(config)
    load_strictly(network, sam2_to_huggingface(state), origin, torch.float32)
    return network


def empty_hq_sam2(config: HqSam2Config, device: str = "meta") -> Sam2Model:
    """The network without weights.

    Args:
        config: sizes.
        device: where its tensors lie.
    """
    settings = config.to_huggingface()
    with torch.device(device), no_init_weights():
        network = Sam2Model(settings)
        network.mask_decoder = HqSam2MaskDecoder(
            cast(Sam2MaskDecoderConfig, settings.mask_decoder_config)
        )
    return network


def hq_sam2_segmenter(
    network: nn.Module,
    config: HqSam2Config,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Segmenter:
    """Put a filled network behind the common interface.

    Args:
        network: from `fill_hq_sam2`.
        config: its sizes.
        device: where it runs.
        dtype: precision of all but the prompts, which are encoded in float32.
    """
    network.eval().requires_grad_(False)
    place(network, torch.device(device), dtype)
    part, embedder = network.get_submodule, cast(ImageEmbedder, network)
    prompts = PromptEncoder(part("prompt_encoder"), part("shared_image_embedding"))
    return Segmenter(
        lambda pixels: tuple(embedder.get_image_embeddings(pixels)),
        prompts,
        HqSam2Decoder(part("mask_decoder")),
        Preprocessing(config.frame, keep_aspect=False),
    )


load_hq_sam2_large = published("large")
