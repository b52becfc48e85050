"""Sizes of MobileSAM's image encoder (Zhang et al. 2023, on TinyViT-5M of Wu et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TinyVitConfig:
    """A TinyViT trunk with SAM's neck; the defaults are the published MobileSAM.

    Stage 0 is convolutional, the others attend within windows. Between stages the map is merged
    to the next width; MobileSAM keeps the resolution before its last stage, so that the output
    has SAM's stride of 16.
    """

    widths: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (2, 4, 5, 10)  # the first, of the convolutional stage, has no use
    windows: tuple[int, ...] = (7, 7, 14, 7)  # likewise
    merge_strides: tuple[int, ...] = (2, 2, 1)
    conv_expansion: int = 4
    mlp_ratio: int = 4
    neck_width: int = 256

    @property
    def stride(self) -> int:
        """Input pixels per output cell, on either axis."""
        stride = 4
        for merge in self.merge_strides:
            stride *= merge
        return stride


MOBILE_SAM = TinyVitConfig()
