"""Tiny random networks of the own families, and the keys of published files typed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lexiseg.models.normalization import fold_batch_norms
from lexiseg.models.sam.efficientvit_sam.config import EfficientVitConfig
from lexiseg.models.sam.efficientvit_sam.encoder import EfficientVitEncoder
from lexiseg.models.sam.efficientvit_sam.loading import preprocessing
from lexiseg.models.sam.hq_sam2.config import HqSam2Config
from lexiseg.models.sam.hq_sam2.loading import empty_hq_sam2, hq_sam2_segmenter
from lexiseg.models.sam.mobile_sam.config import TinyVitConfig
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.sam_keys import prompting_to_huggingface
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.sam.variant import PromptingConfig, SamVariant

Convert = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

# Windows of 3 and 2 do not divide maps of 4 rows, as 7 does not divide 128 in the large one.
TINY_VIT = TinyVitConfig((8, 8, 12, 16), (1, 2, 1, 1), (1, 2, 3, 2), (7, 3, 2, 3), neck_width=16)
TINY_VIT_PROMPTING = PromptingConfig(64, 4, 16, 8, 2, 24, 3, 16)
TINY_EFFICIENTVIT = EfficientVitConfig(
    widths=(4, 4, 8, 16, 16),
    depths=(1, 1, 1, 1, 1),
    kinds=("residual", "fused", "bottleneck", "attention", "attention"),
    expansions=(1, 2, 3, 2, 2),
    sparse_norms=(False, False, True, True, False),
    neighborhood=3,
    neck_depth=2,
    neck_expansion=2,
    neck_width=16,
    neck_side=8,
    head_width=4,
    image_side=64,
)
TINY_EFFICIENTVIT_PROMPTING = PromptingConfig(128, 8, 16, 8, 2, 24, 3, 16, eps=1e-6)
TINY_HQ_SAM2 = HqSam2Config(
    8, 1, (1, 1, 2, 1), (4, 2, 4, 2), (3,), 4,
    frame=64, neck_width=16, decoder_heads=2, mlp_width=24, mask_channels=8, score_width=16,
)  # fmt: skip


def in_sams_layout(network: SamVariant) -> dict[str, Tensor]:
    """What the published file of a network would hold."""
    own = network.state_dict()
    encoder = {key: tensor for key, tensor in own.items() if key.startswith("image_encoder.")}
    prompting = as_published(own, prompt_encoder() + mask_decoder(), prompting_to_huggingface)
    return {**encoder, **prompting}


def learned_sizes(state: Mapping[str, Tensor]) -> dict[str, int]:
    """How many numbers each tensor of a file has that is neither a statistic nor fixed."""
    fixed = ("running_mean", "running_var", "num_batches_tracked", "gaussian_matrix")
    return {key: tensor.numel() for key, tensor in state.items() if not key.endswith(fixed)}


@torch.no_grad()
def assert_folding_changes_nothing(network: Any, pixels: Tensor, tolerance: float = 1e-4) -> None:
    """The same output with fewer tensors and no batch normalization behind a convolution."""
    before, tensors = network(pixels), len(network.state_dict())
    fold_batch_norms(network)
    assert len(network.state_dict()) < tensors
    torch.testing.assert_close(network(pixels), before, atol=tolerance, rtol=tolerance)


def randomize(network: Any, seed: int = 0) -> Any:
    """Weights that keep the size of what passes, and statistics that are not neutral."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 2, generator=generator)
            elif tensor.ndim > 1:
                tensor.normal_(generator=generator).div_(tensor[0].numel() ** 0.5)
            elif tensor.is_floating_point():
                tensor.normal_(0.3, 0.5, generator=generator)
    return network.eval()


def tiny_mobile_sam() -> SamVariant:
    return randomize(SamVariant(TinyVit(TINY_VIT), TINY_VIT_PROMPTING))


def tiny_efficientvit_sam() -> SamVariant:
    encoder = EfficientVitEncoder(TINY_EFFICIENTVIT)
    return randomize(SamVariant(encoder, TINY_EFFICIENTVIT_PROMPTING))


def tiny_hq_sam2() -> Any:
    network = randomize(empty_hq_sam2(TINY_HQ_SAM2, "cpu"))
    shared = network.prompt_encoder.shared_embedding.positional_embedding
    network.shared_image_embedding.positional_embedding.data.copy_(shared)
    return network


# The contract test runs over these too.
OWN_SEGMENTERS: dict[str, Callable[[], Segmenter]] = {
    "mobile_sam": lambda: tiny_mobile_sam().segmenter(Preprocessing(64)),
    "efficientvit_sam": lambda: tiny_efficientvit_sam().segmenter(
        preprocessing(TINY_EFFICIENTVIT, 128)
    ),
    "hq_sam2": lambda: hq_sam2_segmenter(tiny_hq_sam2(), TINY_HQ_SAM2),
}


def attention(stem: str) -> list[str]:
    return [
        f"{stem}.{p}_proj.{kind}" for p in ("q", "k", "v", "out") for kind in ("weight", "bias")
    ]


def affine(*stems: str) -> list[str]:
    return [f"{stem}.{kind}" for stem in stems for kind in ("weight", "bias")]


def prompt_encoder(stem: str = "prompt_encoder") -> list[str]:
    tables = [f"{stem}.point_embeddings.{kind}.weight" for kind in range(4)]
    return [
        f"{stem}.pe_layer.positional_encoding_gaussian_matrix",
        *tables,
        f"{stem}.not_a_point_embed.weight",
        f"{stem}.no_mask_embed.weight",
        *affine(*(f"{stem}.mask_downscaling.{place}" for place in (0, 1, 3, 4, 6))),
    ]


def mask_decoder(stem: str = "mask_decoder", mlp: tuple[str, str] = ("lin1", "lin2")) -> list[str]:
    keys = [f"{stem}.iou_token.weight", f"{stem}.mask_tokens.weight"]
    for layer in range(2):
        block = f"{stem}.transformer.layers.{layer}"
        for name in ("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token"):
            keys += attention(f"{block}.{name}")
        keys += affine(*(f"{block}.norm{n}" for n in (1, 2, 3, 4)))
        keys += affine(*(f"{block}.mlp.{name}" for name in mlp))
    keys += attention(f"{stem}.transformer.final_attn_token_to_image")
    keys += affine(f"{stem}.transformer.norm_final_attn")
    keys += affine(*(f"{stem}.output_upscaling.{place}" for place in (0, 1, 3)))
    heads = [*(f"output_hypernetworks_mlps.{n}" for n in range(4)), "iou_prediction_head"]
    return keys + affine(*(f"{stem}.{head}.layers.{n}" for head in heads for n in range(3)))


def sam2_keys(depth: int, widening: tuple[int, ...], high_quality: bool) -> list[str]:
    trunk, decoder = "image_encoder.trunk", "sam_mask_decoder"
    keys = [f"{trunk}.pos_embed", f"{trunk}.pos_embed_window", "no_mem_embed"]
    keys += affine(f"{trunk}.patch_embed.proj")
    for number in range(depth):
        block = f"{trunk}.blocks.{number}"
        names = ("norm1", "norm2", "attn.qkv", "attn.proj", "mlp.layers.0", "mlp.layers.1")
        keys += affine(*(f"{block}.{name}" for name in names))
        keys += affine(f"{block}.proj") if number in widening else []
    keys += affine(*(f"image_encoder.neck.convs.{n}.conv" for n in range(4)))
    keys += prompt_encoder("sam_prompt_encoder")
    keys += mask_decoder(decoder, ("layers.0", "layers.1"))
    keys += [
        f"{decoder}.obj_score_token.weight",
        *affine(f"{decoder}.conv_s0", f"{decoder}.conv_s1"),
    ]
    keys += affine(*(f"{decoder}.pred_obj_score_head.layers.{n}" for n in range(3)))
    if high_quality:
        keys += [f"{decoder}.hf_token.weight"]
        keys += affine(*(f"{decoder}.hf_mlp.layers.{n}" for n in range(3)))
        keys += affine(*(f"{decoder}.embedding_maskfeature.{n}" for n in (0, 1, 3)))
    return keys


def as_published(
    state: Mapping[str, Tensor], keys: list[str], convert: Convert
) -> dict[str, Tensor]:
    """Tensors of a network under published keys, found by following the conversion of each key."""
    published = {}
    for key in keys:
        (own, *_) = convert({key: torch.tensor(0)})
        table = own.replace("point_embed.", "point_embed.weight ").split(" ")
        if own in state:
            published[key] = state[own]
        else:  # one row of the joined table of point kinds
            published[key] = state[table[0]][int(table[1].split(".")[0])][None]
    return published
