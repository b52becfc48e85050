"""Features of strings, whatever image tower stands beside the text tower."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.models.clip.text import TextTower
from lexiseg.models.clip.text_cache import TextCache
from lexiseg.models.clip.tokenizer import Tokenizer

TEXT_BATCH = 256


class TextFeatures:
    """Encodes every distinct string once, as long as the weights stay as they are.

    Args:
        tower: its features are read.
        tokenizer: list of strings -> (N, context) int64.
    """

    def __init__(self, tower: TextTower, tokenizer: Tokenizer) -> None:
        self._tower = tower
        self._tokenizer = tokenizer
        self._cache = TextCache(self._encode)
        self._state = self._version()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) float32 of texts in their order, not normalized.

        Raises:
            UsageError: a single text was given.
        """
        if isinstance(texts, str):
            raise UsageError(f"Expected a list of texts, got the single text {texts[:80]!r}.")
        if self._version() != self._state:
            self._cache.clear()
            self._state = self._version()
        return self._cache(texts) if texts else self._empty(0)

    def _version(self) -> tuple[int, ...]:
        """Changes when the weights are replaced or written to."""
        parameters = list(self._tower.parameters())
        written = sum(0 if p.is_inference() else p._version for p in parameters)
        return (parameters[0].data_ptr(), written)

    def _empty(self, count: int) -> Tensor:
        projection = self._tower.text_projection
        return torch.empty(count, projection.shape[1], device=projection.device)

    @torch.no_grad()
    def _encode(self, texts: list[str]) -> Tensor:
        """Encode distinct strings, in batches of similar length so that each is cut short."""
        ids = self._tokenizer(texts).to(torch.long)
        order = self._tower.end_positions(ids).argsort()
        features = self._empty(len(texts))
        ids = ids.to(features.device)
        for chunk in torch.split(order, TEXT_BATCH):
            rows = chunk.to(features.device)
            features[rows] = self._tower(ids[rows]).float()
        return features
