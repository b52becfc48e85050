"""What a dense scorer knows about images before any text is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

AnyFeatures = TypeVar("AnyFeatures", bound="DenseFeatures")


@dataclass(frozen=True, eq=False)
class DenseFeatures:
    """Features of a batch of images, float32 and of unit length.

    A method that needs more than these extends the class; every field has one row per image.

    Attributes:
        patches: (B, rows, columns, E), the method's patch features.
        cls: (B, E), the image feature the method scores with.
        clip_cls: (B, E), plain CLIP's image feature, whatever the method changes.
    """

    patches: Tensor
    cls: Tensor
    clip_cls: Tensor

    def __len__(self) -> int:
        return len(self.cls)

    @property
    def grid_hw(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.patches.shape[1], self.patches.shape[2]

    def __getitem__(self, rows: slice) -> Self:
        """Some images of the batch."""
        return type(self)(*(getattr(self, part.name)[rows] for part in fields(self)))

    @staticmethod
    def concatenate(parts: Sequence[AnyFeatures]) -> AnyFeatures:
        """Join batches of the same grid, with whatever a method keeps beside the features."""
        import torch

        joined = (torch.cat([getattr(p, part.name) for p in parts]) for part in fields(parts[0]))
        return type(parts[0])(*joined)
