"""Key layouts of DINO checkpoints: the official one, which the network uses, and transformers'."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

# Transformers' name -> official name, tried in this order at every key.
RENAMED = (
    (r"^(?:vit|dinov2|dinov2_with_registers|module|backbone)\.", ""),
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.register_tokens$", "register_tokens"),
    (r"^embeddings\.patch_embeddings(?:\.projection)?\.", "patch_embed.proj."),
    (r"^(?:encoder\.|model\.)?layers?\.(\d+)\.", r"blocks.\1."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.q_proj\.", ".attn.query."),
    (r"\.attention\.k_proj\.", ".attn.key."),
    (r"\.attention\.v_proj\.", ".attn.value."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.weights_out\.", ".mlp.w3."),
    (r"^layernorm\.", "norm."),
)
# Classifier heads, and the token that stands for hidden patches in training.
UNUSED = re.compile(r"(?:embeddings\.)?mask_token|(?:pooler|classifier|head)\..*")
THIRDS = ("query", "key", "value")


def to_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring a state dict of either layout to the official one; unknown keys pass unchanged.

    Query, key and value are packed in this order; of a block in which some of the three have no
    bias, these biases are zero.

    Args:
        state: of DINO, DINOv2 or DINOv3, of their own programs or transformers.
    """
    renamed = {_rename(key): tensor for key, tensor in state.items()}
    kept = {key: tensor for key, tensor in renamed.items() if not UNUSED.fullmatch(key)}
    return _pack_attention(_pack_mlp(kept))


def _rename(key: str) -> str:
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    return key


def _pack_attention(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for block in _owners(state, ".attn.query.weight"):
        weights = [state.pop(f"{block}.attn.{third}.weight") for third in THIRDS]
        biases = [state.pop(f"{block}.attn.{third}.bias", None) for third in THIRDS]
        zero = weights[0].new_zeros(len(weights[0]))
        state[f"{block}.attn.qkv.weight"] = torch.cat(weights)
        state[f"{block}.attn.qkv.bias"] = torch.cat([zero if b is None else b for b in biases])
    return state


def _pack_mlp(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """DINOv3 names the linear layers of its MLP by direction, and keeps the gate apart."""
    for block in _owners(state, ".mlp.up_proj.weight"):
        gated = f"{block}.mlp.gate_proj.weight" in state
        for kind in ("weight", "bias"):
            up = state.pop(f"{block}.mlp.up_proj.{kind}")
            down = state.pop(f"{block}.mlp.down_proj.{kind}")
            if gated:
                up = torch.cat([state.pop(f"{block}.mlp.gate_proj.{kind}"), up])
            state[f"{block}.mlp.{'w12' if gated else 'fc1'}.{kind}"] = up
            state[f"{block}.mlp.{'w3' if gated else 'fc2'}.{kind}"] = down
    return state


def _owners(state: Mapping[str, Tensor], ending: str) -> list[str]:
    """Blocks whose key with this ending, and all that goes with it, is there."""
    return [key.removesuffix(ending) for key in state if key.endswith(ending)]
