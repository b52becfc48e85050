"""What a promptable segmenter keeps of an image and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Frame:
    """Where an image lies in the square a network sees.

    Args:
        image_hw: (height, width) of the image in pixels.
        content_hw: the part of the frame that the resized image fills, from the top left corner.
        frame_hw: the whole frame; what lies outside the content is padding.
    """

    image_hw: tuple[int, int]
    content_hw: tuple[int, int]
    frame_hw: tuple[int, int]

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Factors from image pixels to frame pixels, (x, y)."""
        return (
            self.content_hw[1] / self.image_hw[1],
            self.content_hw[0] / self.image_hw[0],
        )


@dataclass(frozen=True)
class ImageEmbedding:
    """The features of one image, computed once and prompted many times.

    Args:
        frame: geometry of the image in the network's input.
        maps: the family's feature maps, whatever its decoder needs.
    """

    frame: Frame
    maps: tuple[Tensor, ...]

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.frame.image_hw


@dataclass(frozen=True)
class Candidates:
    """Candidate masks of P prompts, M for each.

    Args:
        logits: (P, M, h, w) floating point; positive inside the mask. They cover the whole frame,
            padding included.
        scores: (P, M) float32, the network's own estimate of each mask's IoU.
        object_logits: (P, 1) float32, positive where there is an object at all; None from networks
            that do not say.
    """

    logits: Tensor
    scores: Tensor
    object_logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)
