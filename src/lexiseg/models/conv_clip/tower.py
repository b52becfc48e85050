"""What both kinds of convolutional image towers offer."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

Levels = tuple[Tensor, Tensor, Tensor, Tensor]
"""Feature maps (B, C, H / s, W / s) with strides s of 4, 8, 16 and 32 pixels."""


class ConvTower(nn.Module, ABC):
    """A convolutional image tower of CLIP, whose last feature map can be read mask by mask.

    `forward` gives CLIP's embedding (B, E) of pixels (B, 3, H, W), not normalized.
    """

    @property
    @abstractmethod
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four levels."""

    @property
    @abstractmethod
    def embed_dim(self) -> int:
        """Width of the space shared with texts."""

    @property
    @abstractmethod
    def image_size(self) -> int:
        """Side in pixels of the squares it was trained on."""

    @abstractmethod
    def levels(self, pixels: Tensor) -> Levels:
        """Feature maps of normalized pixels (B, 3, H, W)."""

    @abstractmethod
    def embed_masks(self, dense: Tensor, logits: Tensor) -> Tensor:
        """Features (B, Q, E), not normalized, of masks.

        Args:
            dense: (B, C, h, w), the last level.
            logits: (B, Q, h', w'); positive inside.
        """

    @abstractmethod
    def embed_cells(self, dense: Tensor) -> Tensor:
        """Features (B, E, h, w), not normalized, of single cells of the last level."""
