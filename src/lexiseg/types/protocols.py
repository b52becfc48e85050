"""What exchangeable parts must offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lexiseg.types.result import Result
from lexiseg.types.rle import Mask
from lexiseg.types.vocabulary import Vocabulary


@runtime_checkable
class Method(Protocol):
    """A segmentation system: the slow half once per image, the fast half per vocabulary."""

    def encode(self, image: Any) -> Any:
        """Read an image (path, (H, W, 3) uint8 array or Pillow image) and compute its scene."""
        ...

    def segment(
        self, scene: Any, names: str | Iterable[str] | Mapping[str, str] | Vocabulary
    ) -> Result:
        """Find the named things in a scene, or in an image that is encoded first."""
        ...


@runtime_checkable
class PromptableSegmenter(Protocol):
    """A class-agnostic mask model such as SAM."""

    def propose_masks(self, image: NDArray[np.uint8]) -> list[Mask]:
        """Every mask the model finds in an (H, W, 3) uint8 RGB image, at image size."""
        ...
