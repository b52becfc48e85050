"""Sizes of a BEiT-3, stated or read off its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from lexiseg.config import check_ranges
from lexiseg.errors import CheckpointError, UsageError

FIRST_POSITION = 2  # rows of both position tables before it are never used
HEAD_WIDTH = 64  # of every published size


@dataclass(frozen=True)
class Beit3Config:
    """Sizes; the defaults are those of BEiT-3 large.

    Attributes:
        width: of the tokens.
        layers: number of blocks.
        heads: of the attention.
        hidden: width inside the feed-forward networks.
        image_size: native side of the square picture in pixels.
        patch_size: side of a patch in pixels.
        vocabulary: number of token ids.
        text_positions: rows of the table of text positions; two of them are never used.
    """

    width: int = 1024
    layers: int = 24
    heads: int = 16
    hidden: int = 4096
    image_size: int = 224
    patch_size: int = 16
    vocabulary: int = 64_010
    text_positions: int = 1024

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a size out of its range, or one that does not divide another.
        """
        check_ranges(
            self,
            ("width", 1, 65_536), ("layers", 1, 1000), ("heads", 1, 1024), ("hidden", 1, 262_144),
            ("image_size", 1, 8192), ("patch_size", 1, 1024), ("vocabulary", 4, 10_000_000),
            ("text_positions", 1 + FIRST_POSITION, 1_000_000),
        )  # fmt: skip
        if self.width % self.heads or self.image_size % self.patch_size:
            raise UsageError(
                f"A BEiT-3 of width {self.width} with {self.heads} heads, for pictures of "
                f"{self.image_size} pixels in patches of {self.patch_size}, does not come out even."
            )

    @property
    def grid(self) -> int:
        """Patches per side."""
        return self.image_size // self.patch_size

    @property
    def vision_tokens(self) -> int:
        """CLS and patches."""
        return 1 + self.grid**2

    @property
    def longest_text(self) -> int:
        """Tokens that a text may have, its first and last included."""
        return self.text_positions - FIRST_POSITION


def config_of(state: Mapping[str, Tensor], heads: int | None = None) -> Beit3Config:
    """Read the sizes off tensors in the official layout.

    Args:
        state: key -> tensor, without prefix.
        heads: number of attention heads, which no shape tells; None for heads 64 wide, as all
            published sizes have.

    Raises:
        CheckpointError: the tensors are not those of a BEiT-3.
    """
    try:
        vocabulary, width = state["text_embed.weight"].shape
        patch = state["vision_embed.proj.weight"].shape[-1]
        places = len(state["encoder.embed_positions.A.weight"]) - FIRST_POSITION - 1
        return Beit3Config(
            width=width,
            layers=1 + max(int(n) for key in state for n in re.findall(r"layers\.(\d+)\.", key)),
            heads=heads or max(1, width // HEAD_WIDTH),
            hidden=len(state["encoder.layers.0.ffn.A.fc1.weight"]),
            image_size=round(places**0.5) * patch,
            patch_size=patch,
            vocabulary=vocabulary,
            text_positions=len(state["encoder.embed_positions.B.weight"]),
        )
    except (KeyError, ValueError, TypeError, UsageError) as error:
        raise CheckpointError(f"The tensors are not those of a BEiT-3 ({error}).") from error
