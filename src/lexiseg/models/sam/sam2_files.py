"""Files in the layout of SAM 2's own program (``sam2_hiera_large.pt``), of either release."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lexiseg.errors import CheckpointError
from lexiseg.models.sam.hq_sam2.config import HQ_SAM2, HqSam2Config
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface

FIRST = "image_encoder.trunk.patch_embed.proj.weight"
# What only the second release holds: where objects are in time, and that one is out of sight.
SECOND_RELEASE = ("obj_ptr_tpos_proj.weight", "no_obj_embed_spatial")
SMALL_WINDOWS = (8, 4, 14, 7)
# Ravi et al. 2024, appendix C, and the program's settings; no tensor tells heads and windows.
PUBLISHED_SIZES = (
    HqSam2Config(96, 1, (1, 2, 7, 2), SMALL_WINDOWS, (5, 7, 9), 7),
    HqSam2Config(96, 1, (1, 2, 11, 2), SMALL_WINDOWS, (7, 10, 13), 7),
    HqSam2Config(112, 2, (2, 3, 16, 3), SMALL_WINDOWS, (12, 16, 20), 14),
    HQ_SAM2["large"],
)


def is_sam2_layout(state: Mapping[str, Tensor]) -> bool:
    """Whether keys are those of SAM 2's own program."""
    return FIRST in state


def is_second_release(state: Mapping[str, Tensor]) -> bool:
    """Whether a file in that layout holds SAM 2.1."""
    return any(key in state for key in SECOND_RELEASE)


def sam2_settings(state: Mapping[str, Tensor], origin: str) -> dict[str, object]:
    """What a config.json would say of such a file.

    Args:
        state: key -> tensor.
        origin: what to call the file in messages.

    Raises:
        CheckpointError: it is none of the four published sizes.
    """
    width = state[FIRST].shape[0]
    blocks = sum(key.endswith(".norm1.weight") for key in state if ".trunk.blocks." in key)
    for sizes in PUBLISHED_SIZES:
        if (sizes.width, sum(sizes.depths)) == (width, blocks):
            return {**sizes.to_huggingface().to_dict(), "model_type": "sam2"}
    raise CheckpointError(
        f"{origin} holds a SAM 2 of {blocks} blocks and width {width}, which is no published size; "
        "give a folder with config.json."
    )


def read_sam2_file(
    state: Mapping[str, Tensor], origin: str
) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Tensors and settings of such a file as transformers has them.

    Raises:
        CheckpointError: it is none of the four published sizes.
    """
    return sam2_to_huggingface(state), sam2_settings(state, origin)
