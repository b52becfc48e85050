"""Sizes of an adapter, stated or read off its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lexiseg.config import check_ranges
from lexiseg.errors import CheckpointError, UsageError

Layout = Literal["released", "one_token"]
Scope = Literal["joint", "each"]


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes, and how it was trained to be asked; the defaults are the published ones.

    Attributes:
        encoder_width: of the vector that stands for a picture and a text, BEiT-3's width.
        width: d, of the mask decoder's tokens.
        tie_breakers: K, queries made of one prompt.
        layers: of the soft-prompt stack; 0 leaves it out.
        heads: of its attention.
        hidden: width inside its feed-forward networks.
        dropout: inside its attention, after it, and in the feed-forward networks, while training.
        layout: tokens that it was trained to give the mask decoder; see `Queries.tokens`.
        scope: whether prompts of a picture saw each other in training; see `Adapter.forward`.
    """

    encoder_width: int = 1024
    width: int = 256
    tie_breakers: int = 20
    layers: int = 3
    heads: int = 8
    hidden: int = 1024
    dropout: float = 0.1
    layout: Layout = "released"
    scope: Scope = "joint"

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a size out of its range, or one that does not divide another.
        """
        check_ranges(
            self,
            ("encoder_width", 1, 65_536), ("width", 1, 65_536), ("tie_breakers", 1, 10_000),
            ("layers", 0, 100), ("heads", 1, 1024), ("hidden", 1, 262_144), ("dropout", 0, 1),
        )  # fmt: skip
        if self.width % self.heads:
            raise UsageError(f"{self.heads} heads do not divide tokens {self.width} wide.")


def config_of(state: Mapping[str, Tensor], heads: int = AdapterConfig.heads) -> AdapterConfig:
    """Read the sizes off tensors in the published layout.

    Args:
        state: key -> tensor, without prefix.
        heads: number of attention heads, which no shape tells.

    Raises:
        CheckpointError: the tensors are not those of an adapter.
    """
    layers = {int(n) for key in state for n in re.findall(r"^cross_\w+\.layers\.(\d+)\.", key)}
    first_mlp = state.get("cross_attention_transformer.layers.0.mlp.0.weight")
    try:
        count, width = state["positional_tokens"].shape
        return AdapterConfig(
            encoder_width=state["text_hidden_fcs.0.0.weight"].shape[1],
            width=width,
            tie_breakers=count,
            layers=len(layers),
            heads=heads,
            hidden=AdapterConfig.hidden if first_mlp is None else len(first_mlp),
        )
    except (KeyError, ValueError, IndexError, UsageError) as error:
        raise CheckpointError(
            f"The tensors are not those of an OpenWorldSAM adapter ({error})."
        ) from error
