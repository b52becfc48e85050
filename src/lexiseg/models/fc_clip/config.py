"""Sizes of a mask proposal head."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from lexiseg.config import check_ranges
from lexiseg.errors import CheckpointError, UsageError

LEVELS, POINTS = 3, 4  # of the deformable attention, in all that was published
GROUPS = 32  # of its group normalizations


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of pixel decoder and mask decoder; the defaults are those of FC-CLIP on ConvNeXt-L.

    Attributes:
        channels: of the four feature maps that come in.
        width: of the pixel decoder's maps and of the queries.
        embed_dim: of the class embeddings, as wide as text features.
        queries: candidates per picture.
        encoder_layers: of the pixel decoder.
        encoder_hidden: width inside its feed-forward networks.
        encoder_heads: of its attention.
        decoder_layers: of the mask decoder.
        decoder_hidden: width inside its feed-forward networks.
        decoder_heads: of its attention.
    """

    channels: tuple[int, int, int, int] = (192, 384, 768, 1536)
    width: int = 256
    embed_dim: int = 768
    queries: int = 250
    encoder_layers: int = 6
    encoder_hidden: int = 1024
    encoder_heads: int = 8
    decoder_layers: int = 9
    decoder_hidden: int = 2048
    decoder_heads: int = 8

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a size out of its range, or one that does not divide another.
        """
        check_ranges(
            self,
            ("width", GROUPS, 8192), ("embed_dim", 1, 65_536), ("queries", 1, 10_000),
            ("encoder_layers", 1, 100), ("encoder_hidden", 1, 262_144), ("encoder_heads", 1, 256),
            ("decoder_layers", 1, 100), ("decoder_hidden", 1, 262_144), ("decoder_heads", 1, 256),
        )  # fmt: skip
        for part in (GROUPS, self.encoder_heads, self.decoder_heads):
            if self.width % part:
                raise UsageError(f"{part} groups or heads do not divide a width of {self.width}.")


def config_of(state: Mapping[str, Tensor], decoder_heads: int = 8) -> HeadConfig:
    """Read the sizes off a head's tensors in the published layout.

    Args:
        state: key -> tensor, without the prefix ``sem_seg_head.``.
        decoder_heads: heads of the mask decoder, which no shape tells.

    Raises:
        CheckpointError: the tensors are not those of such a head.
    """
    try:
        queries, width = state["predictor.query_feat.weight"].shape
        first = state["pixel_decoder.adapter_1.weight"].shape[1]
        fourth, third, second = (
            state[f"pixel_decoder.input_proj.{n}.0.weight"].shape[1] for n in range(LEVELS)
        )
        layer = "pixel_decoder.transformer.encoder.layers.0."
        offsets = len(state[f"{layer}self_attn.sampling_offsets.bias"])
        return HeadConfig(
            channels=(first, second, third, fourth),
            width=width,
            embed_dim=len(state["predictor.class_embed.layers.2.bias"]),
            queries=queries,
            encoder_layers=_count(state, r"pixel_decoder\..*\.layers\.(\d+)\.linear1\.bias"),
            encoder_hidden=len(state[f"{layer}linear1.bias"]),
            encoder_heads=offsets // (LEVELS * POINTS * 2),
            decoder_layers=_count(state, r"predictor\.transformer_ffn_layers\.(\d+)\.norm\.bias"),
            decoder_hidden=len(state["predictor.transformer_ffn_layers.0.linear1.bias"]),
            decoder_heads=decoder_heads,
        )
    except (KeyError, ValueError, IndexError, UsageError) as error:
        raise CheckpointError(
            f"The tensors are not those of an FC-CLIP head (missing or mis-shaped: {error})."
        ) from error


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return sum(bool(re.fullmatch(pattern, key)) for key in state)
