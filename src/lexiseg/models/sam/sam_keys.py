"""From the key layout of SAM's own program to that of transformers' modules.

The same layout, behind other image encoders, is used by HQ-SAM, MobileSAM and EfficientViT-SAM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.sam.families import TIED

# Applied in this order.
PROMPT_RENAMES = (
    (r"\.pe_layer\.positional_encoding_gaussian_matrix$", ".shared_embedding.positional_embedding"),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
)
DECODER_RENAMES = (
    (r"\.norm(\d|_final_attn)\.", r".layer_norm\1."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"\.hf_token\.", ".hq_token."),
    (r"\.hf_mlp\.", ".hq_mask_mlp."),
    (r"\.compress_vit_feat\.0\.", ".compress_vit_conv1."),
    (r"\.compress_vit_feat\.1\.", ".compress_vit_norm."),
    (r"\.compress_vit_feat\.3\.", ".compress_vit_conv2."),
    (r"\.embedding_encoder\.0\.", ".encoder_conv1."),
    (r"\.embedding_encoder\.1\.", ".encoder_norm."),
    (r"\.embedding_encoder\.3\.", ".encoder_conv2."),
    (r"\.embedding_maskfeature\.0\.", ".mask_conv1."),
    (r"\.embedding_maskfeature\.1\.", ".mask_norm."),
    (r"\.embedding_maskfeature\.3\.", ".mask_conv2."),
    # Networks of three layers.
    (r"^(mask_decoder\.(?!transformer)[^.]+(?:\.\d+)?)\.layers\.0\.", r"\1.proj_in."),
    (r"^(mask_decoder\.(?!transformer)[^.]+(?:\.\d+)?)\.layers\.1\.", r"\1.layers.0."),
    (r"^(mask_decoder\.(?!transformer)[^.]+(?:\.\d+)?)\.layers\.2\.", r"\1.proj_out."),
)
ENCODER_RENAMES = (
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.blocks\.(\d+)\.norm(\d)\.", r"vision_encoder.layers.\1.layer_norm\2."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.", "vision_encoder."),
)
HEAD_WIDTH = "image_encoder.blocks.0.attn.rel_pos_h"


def is_sam_layout(state: Mapping[str, Tensor]) -> bool:
    """Whether a whole SAM or HQ-SAM with its own image encoder is stored in SAM's layout."""
    return HEAD_WIDTH in state and "mask_decoder.iou_token.weight" in state


def prompting_to_huggingface(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of prompt encoder and mask decoder; drop all others.

    Args:
        state: keys ``prompt_encoder.*`` and ``mask_decoder.*`` in SAM's layout.

    Returns:
        The same tensors under the names of `SamModel`'s (or `SamHQModel`'s) parts.
    """
    renamed = {}
    for key, tensor in state.items():
        if key.startswith("prompt_encoder."):
            renamed[_renamed(key, PROMPT_RENAMES)] = tensor
        elif key.startswith("mask_decoder."):
            renamed[_renamed(key, DECODER_RENAMES)] = tensor
    return renamed


def sam_to_huggingface(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename all tensors of a ``sam_vit_*.pth`` or ``sam_hq_vit_{b,l,h}.pth``.

    Returns:
        The state of `SamModel` or `SamHQModel`.
    """
    renamed = prompting_to_huggingface(state)
    for key, tensor in state.items():
        if not key.startswith(("prompt_encoder.", "mask_decoder.")):
            renamed[_renamed(key, ENCODER_RENAMES)] = tensor
    if TIED[1] in renamed:
        renamed[TIED[0]] = renamed[TIED[1]]
    return renamed


def _renamed(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def infer_settings(state: Mapping[str, Tensor]) -> dict[str, object]:
    """What a config.json would say of a file in SAM's layout, read off its shapes.

    Only the number of heads of the mask decoder cannot be seen; it is SAM's eight.

    Raises:
        CheckpointError: an expected tensor is absent.
    """
    try:
        return _read_shapes(state)
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"The file is not in SAM's layout ({error}); give a SAM checkpoint or its folder."
        ) from error


def _read_shapes(state: Mapping[str, Tensor]) -> dict[str, object]:
    width, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
    size = state["image_encoder.pos_embed"].shape[1] * patch
    tables = [t for key, t in state.items() if re.fullmatch(r".*blocks\.\d+\.attn\.rel_pos_h", key)]
    spans = [len(table) for table in tables]  # 2 * window - 1, or 2 * grid - 1 if global
    channels = state["mask_decoder.iou_token.weight"].shape[1]
    hidden = state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0]
    scored = state["mask_decoder.mask_tokens.weight"].shape[0]
    high_quality = "mask_decoder.hf_token.weight" in state
    return {
        "model_type": "sam_hq" if high_quality else "sam",
        "vision_config": {
            "hidden_size": width,
            "output_channels": channels,
            "num_hidden_layers": len(tables),
            "num_attention_heads": width // state[HEAD_WIDTH].shape[1],
            "image_size": size,
            "patch_size": patch,
            "window_size": (min(spans) + 1) // 2,
            "global_attn_indexes": [n for n, span in enumerate(spans) if span > min(spans)],
            "mlp_dim": state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
            "num_pos_feats": channels // 2,
        },
        "prompt_encoder_config": {
            "hidden_size": channels,
            "image_size": size,
            "patch_size": patch,
            "mask_input_channels": state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        },
        "mask_decoder_config": {
            "hidden_size": channels,
            "mlp_dim": hidden,
            "num_multimask_outputs": scored - 1,
            "iou_head_hidden_dim": state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[
                0
            ],
            "layer_norm_eps": 1e-5,  # of torch, which SAM's program leaves as it is
            **({"vit_dim": width} if high_quality else {}),
        },
    }
