"""Keys of published checkpoints, and of what is not in them or of no use here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from lexiseg.errors import CheckpointError

ANCHOR = "sem_seg_head.predictor.query_feat.weight"
CLIP, PIXELS, PREDICTOR = (
    "backbone.clip_model.",
    "sem_seg_head.pixel_decoder.",
    "sem_seg_head.predictor.",
)
TRANSFER, VOID = "cdt.cross_atten.", "void_embedding.weight"
# A loss's weights, and the frozen teacher that MAFT+ was trained with.
UNUSED = ("criterion.", "backbone_t.")
SHOWN_KEYS = 4
# Name in the pixel decoder's checkpoint -> name in transformers, matched anywhere in a key.
NAMES = (
    (r"^input_proj\.", "input_projections."),
    (r"^transformer\.level_embed$", "level_embed"),
    (r"^transformer\.encoder\.", "encoder."),
    (r"\.norm1\.", ".self_attn_layer_norm."),
    (r"\.norm2\.", ".final_layer_norm."),
    (r"\.linear([12])\.", r".fc\1."),
    (r"^(adapter_1|layer_1)\.weight$", r"\1.0.weight"),
    (r"^(adapter_1|layer_1)\.norm\.", r"\1.1."),
    (r"^mask_features\.", "mask_projection."),
)
BACK = (
    (r"^input_projections\.", "input_proj."),
    (r"^level_embed$", "transformer.level_embed"),
    (r"^encoder\.", "transformer.encoder."),
    (r"\.self_attn_layer_norm\.", ".norm1."),
    (r"\.final_layer_norm\.", ".norm2."),
    (r"\.fc([12])\.", r".linear\1."),
    (r"^(adapter_1|layer_1)\.0\.", r"\1."),
    (r"^(adapter_1|layer_1)\.1\.", r"\1.norm."),
    (r"^mask_projection\.", "mask_features."),
)


@dataclass(frozen=True)
class CheckpointParts:
    """A checkpoint by its parts, each with keys of its own.

    Attributes:
        clip: both towers of CLIP; empty in repacked heads, which lack them.
        head: pixel decoder and mask decoder, in the published names.
        transfer: MAFT+'s content-dependent transfer; empty in FC-CLIP.
        void: (1, E) embedding of what has no name.
        unused: how many tensors nobody needs for an answer.
    """

    clip: Mapping[str, Tensor]
    head: Mapping[str, Tensor]
    transfer: Mapping[str, Tensor]
    void: Tensor
    unused: int


def split_parts(state: Mapping[str, Tensor], origin: str) -> CheckpointParts:
    """Sort a checkpoint's tensors, with or without a prefix before all of them.

    Args:
        state: key -> tensor.
        origin: what to call it in messages.

    Raises:
        CheckpointError: there is no head in it, no void embedding, or keys of another model.
    """
    found = next((key for key in state if key.endswith(ANCHOR)), None)
    if found is None:
        raise CheckpointError(f"{origin} holds no FC-CLIP or MAFT+: no key ends with {ANCHOR!r}.")
    prefix = found.removesuffix(ANCHOR)
    own = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    unused = [key for key in own if key.startswith(UNUSED)]
    known = (*UNUSED, CLIP, PIXELS, PREDICTOR, TRANSFER)
    other = [key for key in own if not key.startswith(known) and key != VOID]
    if other or VOID not in own:
        faults = f"{len(other)} unexpected tensors ({', '.join(other[:SHOWN_KEYS])})"
        raise CheckpointError(
            f"{origin} does not fit FC-CLIP or MAFT+: {faults if other else f'no {VOID}'}."
        )
    return CheckpointParts(
        clip=_below(own, CLIP),
        head=_below(own, "sem_seg_head."),
        transfer=_below(own, TRANSFER),
        void=own[VOID],
        unused=len(unused),
    )


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}


def to_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A pixel decoder's tensors by their names in transformers."""
    return {_rename(key, NAMES): tensor for key, tensor in state.items()}


def to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A pixel decoder's tensors by their names in published checkpoints."""
    return {_rename(key, BACK): tensor for key, tensor in state.items()}


def _rename(key: str, names: tuple[tuple[str, str], ...]) -> str:
    for pattern, name in names:
        key = re.sub(pattern, name, key)
    return key
