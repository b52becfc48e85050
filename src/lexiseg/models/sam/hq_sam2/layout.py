"""From the key layout of SAM 2's own program to that of transformers' `Sam2Model`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from lexiseg.models.sam.sam_keys import DECODER_RENAMES, PROMPT_RENAMES

# SAM 2's own names; prompt encoder and decoder then are named as in SAM. Applied in this order.
SAM2_RENAMES = (
    (r"^image_encoder\.trunk\.patch_embed\.proj\.",
     "vision_encoder.backbone.patch_embed.projection."),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^(mask_decoder\.transformer\..*)\.out_proj\.", r"\1.o_proj."),
    (r"(\.(?:blocks|transformer\.layers)\.\d+\.mlp)\.layers\.0\.", r"\1.proj_in."),
    (r"(\.(?:blocks|transformer\.layers)\.\d+\.mlp)\.layers\.1\.", r"\1.proj_out."),
    (r"(\.blocks\.\d+)\.norm(\d)\.", r"\1.layer_norm\2."),
)  # fmt: skip
# What follows objects through videos; single images do not use it.
VIDEO_PARTS = re.compile(r"memory_|maskmem_|mask_downsample|obj_ptr|no_obj_|no_mem_pos_enc")
POSITIONS = "prompt_encoder.shared_embedding.positional_embedding"


def sam2_to_huggingface(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a ``sam2*.pt`` file.

    Args:
        state: key -> tensor, the content of the file below ``model``.

    Returns:
        The same tensors without the video parts; the four tables of point kinds are one, and the
        position encoding stands under both of its names. Unknown keys pass unchanged.
    """
    images = {key: tensor for key, tensor in state.items() if not VIDEO_PARTS.match(key)}
    renamed = {_renamed(key): tensor for key, tensor in images.items()}
    tables = [f"prompt_encoder.point_embed.{kind}.weight" for kind in range(4)]
    if all(table in renamed for table in tables):
        joined = torch.cat([renamed.pop(table) for table in tables])
        renamed["prompt_encoder.point_embed.weight"] = joined
    if POSITIONS in renamed:
        renamed["shared_image_embedding.positional_embedding"] = renamed[POSITIONS]
    return renamed


def _renamed(key: str) -> str:
    for pattern, replacement in SAM2_RENAMES:
        key = re.sub(pattern, replacement, key)
    rules = {"prompt_encoder": PROMPT_RENAMES, "mask_decoder": DECODER_RENAMES}
    for pattern, replacement in rules.get(key.split(".")[0], ()):
        key = re.sub(pattern, replacement, key)
    return key
