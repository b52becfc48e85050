"""What is known of a picture before anything is asked, and which questions were asked before."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lexiseg.methods.base import BaseScene
from lexiseg.methods.openworldsam.vectors import PairVectors
from lexiseg.scorers.dense_maps import DenseMaps
from lexiseg.types import ImageEmbedding


@dataclass(frozen=True, eq=False)
class Scene(BaseScene):
    """An encoded picture.

    Attributes:
        embedding: SAM 2's.
        vectors: what BEiT-3 makes of the picture with a text.
        windows: the picture as CLIP sees it, of a method that has one.
    """

    embedding: ImageEmbedding
    vectors: PairVectors
    windows: DenseMaps | None = None

    @property
    def picture(self) -> Tensor:
        """(1, S, d) float32, SAM 2's features at a sixteenth of its input, row by row."""
        return self.embedding.maps[-1].flatten(2).transpose(1, 2).float()
