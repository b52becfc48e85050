"""Encoding very many texts that begin alike, such as the candidates for a next word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip.encoder import Clip
from lexiseg.models.clip.prefix_tree import encode_by_prefix
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.clip.tokenizer import BpeTokenizer

TEXTS = 8192  # tokenized together
LIMIT = 1 << 17  # remembered texts; at 768 float32 numbers each they fill 400 MB
BLANKS = re.compile(r"[ \t\n\r\f\v]+")


class PrefixTextEncoder:
    """Unit features of texts, as `Clip.text_features` gives them, each remembered.

    Beginnings that texts share are computed once, texts that the tokenizer takes for the same
    are encoded once.

    Args:
        clip: whose text tower is asked.
        limit: number of texts to remember; beyond it, the memory starts afresh.
    """

    def __init__(self, clip: Clip, limit: int = LIMIT) -> None:
        self.clip = clip
        self._memory = TextCache(lambda texts: encode_texts(clip, texts), limit)
        self._folds = isinstance(clip.tokenizer, BpeTokenizer)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of unit length, in the order of the texts."""
        if not texts:
            return encode_texts(self.clip, [])
        return self._memory([fold(text) for text in texts] if self._folds else texts)


def fold(text: str) -> str:
    """What CLIP's own tokenizer makes of case and blanks, where that is beyond doubt.

    Letters outside ASCII have rules of their own and are left alone.

    Example:
        >>> fold("Image of  a Dog ")
        'image of a dog'
    """
    return BLANKS.sub(" ", text).strip(" ").lower() if text.isascii() else text


def encode_texts(clip: Clip, texts: Sequence[str]) -> Tensor:
    """Features (N, E) float32 of unit length; nothing is remembered."""
    return torch.cat(list(iterate_features(clip, texts)))


def iterate_features(clip: Clip, texts: Sequence[str], count: int = TEXTS) -> Iterator[Tensor]:
    """The same in pieces of `count` texts; no texts give one empty piece."""
    for start in range(0, max(len(texts), 1), count):
        ids = clip.tokenizer(list(texts[start : start + count])).to(torch.long)
        features = encode_by_prefix(clip.network.text, ids.to(clip.device))
        yield F.normalize(features.float(), dim=-1)
