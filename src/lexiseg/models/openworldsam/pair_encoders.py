"""Encoders that give the adapter one vector per picture and text, beside BEiT-3 itself.

The paper takes BEiT-3's class token after it looked at picture and text together (early fusion).
Its Table 4 compares that with text alone and with CLIP's two vectors side by side (late fusion).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.models.beit3 import Beit3
from lexiseg.models.clip import Clip
from lexiseg.models.siglip import Siglip


class TextAlone:
    """The vector of the text, whatever the picture.

    Args:
        encoder: of texts.
    """

    def __init__(self, encoder: Beit3 | Clip | Siglip) -> None:
        self._encoder = encoder
        self.name, self.fingerprint = f"text of {encoder.name}", f"text {encoder.fingerprint}"
        self.width = _width(encoder)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network."""
        return self._encoder.dtype

    def prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """Nothing of the picture: (0,) on the network's device."""
        return torch.empty(0, device=self._encoder.device)

    def pair_features(self, pixels: Tensor | None, texts: Sequence[str]) -> Tensor:
        """(N, D) float32 of N texts."""
        if isinstance(self._encoder, Beit3):
            return self._encoder.pair_features(None, texts)
        return self._encoder.text_features(texts)


class LateFusion:
    """The vectors of text and picture side by side, as long again as one of them.

    Args:
        clip: of texts and pictures.
    """

    def __init__(self, clip: Clip | Siglip) -> None:
        self._clip = clip
        self.name, self.fingerprint = f"text and picture of {clip.name}", f"late {clip.fingerprint}"
        self.width = 2 * _width(clip)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network."""
        return self._clip.dtype

    def prepare(self, image: NDArray[np.uint8]) -> Tensor:
        """(1, E) float32, the vector of an (H, W, 3) uint8 RGB picture's central square."""
        return self._clip.image_features(self._clip.preprocessing.squares([image]))

    def pair_features(self, pixels: Tensor | None, texts: Sequence[str]) -> Tensor:
        """(N, 2 E) float32 of a picture, from `prepare`, with N texts."""
        words = self._clip.text_features(texts)
        seen = words.new_zeros(1, words.shape[1]) if pixels is None else pixels
        return torch.cat([words, seen.expand(len(words), -1)], dim=1)


def _width(encoder: Beit3 | Clip | Siglip) -> int:
    if isinstance(encoder, Beit3):
        return encoder.width
    return encoder.visual.config.embed_dim
