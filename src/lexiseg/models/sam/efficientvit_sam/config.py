"""Sizes of the five EfficientViT-SAM image encoders (Zhang et al. 2024, table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["residual", "fused", "bottleneck", "attention"]


@dataclass(frozen=True)
class EfficientVitConfig:
    """An EfficientViT-Large backbone (Cai et al. 2023) and the neck that adds its last maps.

    Every stage halves the resolution. Tuples have one entry per stage.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    kinds: tuple[BlockKind, ...]
    expansions: tuple[int, ...]
    # Late stages have biased convolutions without normalization, but for each block's last one.
    sparse_norms: tuple[bool, ...]
    neighborhood: int  # side of the depth-wise kernel that aggregates tokens before attention
    neck_depth: int
    neck_expansion: int
    neck_inputs: int = 3  # of the last stages, deepest first
    neck_width: int = 256
    neck_side: int = 64  # cells along one side of the output
    head_width: int = 32
    image_side: int = 1024  # the longer side of what the network sees

    @property
    def neck_stages(self) -> tuple[int, ...]:
        """The stages whose maps the neck reads, in the order of its input layers."""
        last = len(self.widths) - 1
        return tuple(range(last, last - self.neck_inputs, -1))


def _small(depths: tuple[int, ...], neck_depth: int) -> EfficientVitConfig:
    return EfficientVitConfig(
        widths=(32, 64, 128, 256, 512),
        depths=depths,
        kinds=("residual", "fused", "fused", "bottleneck", "attention"),
        expansions=(1, 4, 4, 4, 6),
        sparse_norms=(False, False, False, True, True),
        neighborhood=5,
        neck_depth=neck_depth,
        neck_expansion=1,
        image_side=512,
    )


def _large(depths: tuple[int, ...], neck_depth: int) -> EfficientVitConfig:
    return EfficientVitConfig(
        widths=(32, 64, 128, 256, 512, 1024),
        depths=depths,
        kinds=("residual", "fused", "fused", "fused", "attention", "attention"),
        expansions=(1, 4, 4, 4, 4, 6),
        sparse_norms=(False, False, False, False, True, True),
        neighborhood=3,
        neck_depth=neck_depth,
        neck_expansion=4,
    )


EFFICIENTVIT_SAM: Mapping[str, EfficientVitConfig] = {
    "l0": _small((1, 1, 1, 4, 4), 4),
    "l1": _small((1, 1, 1, 6, 6), 8),
    "l2": _small((1, 2, 2, 8, 8), 12),
    "xl0": _large((0, 1, 1, 2, 3, 3), 6),
    "xl1": _large((1, 2, 2, 4, 6, 6), 12),
}
