"""What a dense scorer knows about images before any text is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class DenseFeatures:
    """Features of a batch of images, float32 and of unit length.

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

    def __getitem__(self, rows: slice) -> DenseFeatures:
        """Some images of the batch."""
        return DenseFeatures(self.patches[rows], self.cls[rows], self.clip_cls[rows])

    @staticmethod
    def concatenate(parts: Sequence[DenseFeatures]) -> DenseFeatures:
        """Join batches of the same grid."""
        import torch

        return DenseFeatures(
            torch.cat([part.patches for part in parts]),
            torch.cat([part.cls for part in parts]),
            torch.cat([part.clip_cls for part in parts]),
        )
