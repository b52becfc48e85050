"""Sizes of the vision transformers of the DINO family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Literal, cast

from torch import Tensor

from lexiseg.errors import CheckpointError

MODEL_TYPES = ("vit", "dinov2", "dinov2_with_registers", "dinov3_vit")
HEAD_DIM = 64  # of every published network but the largest, which come with a config.json
# Networks with registers were trained with positions fitted the second way.
PositionFit = Literal["offset", "antialiased", "exact"]


@dataclass(frozen=True)
class DinoConfig:
    """Sizes of a network; the defaults are those of DINO's ViT-S/8.

    Attributes:
        width: of a token.
        layers: blocks.
        heads: of the attention.
        patch_size: side of a patch in pixels.
        native_grid: side of the position table in patches; 0 where positions are rotary.
        hidden: width inside the MLP.
        registers: extra tokens (DINOv2 with registers, DINOv3).
        layer_scale: residual branches are scaled channel by channel (DINOv2 and DINOv3).
        gated: the MLP is gated, which its largest networks are.
        activation: "gelu" or "silu", in the MLP.
        rope_theta: base of the rotary frequencies.
        eps: of the layer normalizations.
        position_fit: how the position table is fitted to other grids.
    """

    width: int = 384
    layers: int = 12
    heads: int = 6
    patch_size: int = 8
    native_grid: int = 28
    hidden: int = 1536
    registers: int = 0
    layer_scale: bool = False
    gated: bool = False
    activation: Literal["gelu", "silu"] = "gelu"
    rope_theta: float = 100.0
    eps: float = 1e-6
    position_fit: PositionFit = "offset"

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            CheckpointError: heads of unequal width.
        """
        if self.heads < 1 or self.width % self.heads:
            raise CheckpointError(
                f"A width of {self.width} cannot be split into {self.heads} equal heads."
            )


def config_of(
    state: Mapping[str, Tensor],
    settings: Mapping[str, object] | None = None,
    origin: str = "config.json",
) -> DinoConfig:
    """Read sizes off the tensors, and what no shape tells off a config.json.

    Args:
        state: in the official layout (`layout.to_official`).
        settings: content of config.json; without it every head is 64 wide.
        origin: what to call that file in messages.

    Raises:
        CheckpointError: the tensors are not those of a network of this family.
    """
    told = dict(settings or {})
    kind = told.get("model_type", "vit")
    if kind not in MODEL_TYPES:
        raise CheckpointError(
            f"{origin}: model_type is {kind!r}; expected one of {', '.join(MODEL_TYPES)}."
        )
    try:
        width, _, patch, _ = state["patch_embed.proj.weight"].shape
        gated = "blocks.0.mlp.w12.weight" in state
        hidden = len(state["blocks.0.mlp.w12.weight" if gated else "blocks.0.mlp.fc1.weight"])
        registers = state["register_tokens"].shape[1] if "register_tokens" in state else 0
        return DinoConfig(
            width=width,
            layers=sum(key.endswith(".norm1.weight") for key in state),
            heads=int(cast(int, told.get("num_attention_heads", max(1, width // HEAD_DIM)))),
            patch_size=patch,
            native_grid=_native_grid(state),
            hidden=hidden // 2 if gated else hidden,
            registers=registers,
            layer_scale="blocks.0.ls1.gamma" in state,
            gated=gated,
            activation=_activation(kind, gated, told, origin),
            rope_theta=float(cast(float, told.get("rope_theta", 100.0))),
            eps=_eps(kind, told),
            position_fit="antialiased" if registers else "offset",
        )
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise CheckpointError(
            f"The weights are not those of a DINO vision transformer (missing or mis-shaped: "
            f"{error})."
        ) from error


def _native_grid(state: Mapping[str, Tensor]) -> int:
    if "pos_embed" not in state:
        return 0
    positions = int(state["pos_embed"].shape[1]) - 1
    side = isqrt(positions)
    if side * side != positions:
        raise ValueError(f"a position table of {positions} patches is not square")
    return side


def _activation(
    kind: str, gated: bool, told: Mapping[str, object], origin: str
) -> Literal["gelu", "silu"]:
    if gated and kind != "dinov3_vit":  # DINOv2's gate is always a SiLU, whatever the config says
        return "silu"
    name = told.get("hidden_act", "gelu")
    if name not in ("gelu", "silu"):
        raise CheckpointError(f"{origin}: hidden_act is {name!r}; expected 'gelu' or 'silu'.")
    return "silu" if name == "silu" else "gelu"


def _eps(kind: str, told: Mapping[str, object]) -> float:
    return float(cast(float, told.get("layer_norm_eps", 1e-5 if kind == "dinov3_vit" else 1e-6)))
