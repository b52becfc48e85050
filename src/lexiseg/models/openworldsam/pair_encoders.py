"""What gives the adapter one vector per picture and text: a slot with the rows of Table 4.

The paper takes BEiT-3's class token after it looked at picture and text together (early fusion),
and compares it with text alone and with CLIP's two vectors side by side (late fusion).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.models.beit3 import Beit3
from lexiseg.models.clip import Clip
from lexiseg.models.siglip import Siglip

Fusion = Literal["early", "late", "text"]
Image = NDArray[np.uint8]


class PairEncoder(Protocol):
    """One vector for a picture and a text."""

    @property
    def name(self) -> str:
        """What its weights are called, and how they are used."""
        ...

    @property
    def fingerprint(self) -> str:
        """The sha256 of its weights."""
        ...

    @property
    def width(self) -> int:
        """Length of the vectors."""
        ...

    def vectors(self, image: Image, texts: Sequence[str]) -> Tensor:
        """(N, D) float32 for an (H, W, 3) uint8 RGB picture and N texts."""
        ...


class EarlyFusion:
    """BEiT-3's class token, which looked at the picture and the text (the paper's choice)."""

    def __init__(self, beit3: Beit3) -> None:
        self._beit3 = beit3
        self.name, self.fingerprint = f"{beit3.name} (early fusion)", beit3.fingerprint
        self.width = beit3.width

    def vectors(self, image: Image, texts: Sequence[str]) -> Tensor:
        """(N, D) float32."""
        return self._beit3.pair_features(self._beit3.prepare(image), texts)


class TextAlone:
    """The vector of the text, whatever the picture."""

    def __init__(self, encoder: Beit3 | Clip | Siglip) -> None:
        self._encoder = encoder
        self.name, self.fingerprint = f"{encoder.name} (text alone)", encoder.fingerprint
        self.width = _width(encoder)

    def vectors(self, image: Image, texts: Sequence[str]) -> Tensor:
        """(N, D) float32."""
        if isinstance(self._encoder, Beit3):
            return self._encoder.pair_features(None, texts)
        return self._encoder.text_features(texts)


class LateFusion:
    """The vectors of text and picture side by side, as long again as one of them."""

    def __init__(self, clip: Clip | Siglip) -> None:
        self._clip = clip
        self.name, self.fingerprint = f"{clip.name} (late fusion)", clip.fingerprint
        self.width = 2 * _width(clip)

    def vectors(self, image: Image, texts: Sequence[str]) -> Tensor:
        """(N, D) float32."""
        words = self._clip.text_features(texts)
        seen = self._clip.image_features(self._clip.preprocessing.squares([image]))
        return torch.cat([words, seen.expand(len(words), -1)], dim=1)


def _width(encoder: Beit3 | Clip | Siglip) -> int:
    if isinstance(encoder, Beit3):
        return encoder.width
    return encoder.visual.config.embed_dim
