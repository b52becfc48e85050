"""Every string is encoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import torch
from torch import Tensor

LIMIT = 1 << 16  # strings; at 768 float32 numbers each they fill 200 MB


class TextCache:
    """Remembers the feature row of each string for one set of weights and one precision.

    New strings of a call are encoded together. When the cache would outgrow its limit it starts
    afresh with the strings of that call.

    Args:
        encode: list of distinct strings -> (N, E) features.
        limit: number of strings to hold.
    """

    def __init__(self, encode: Callable[[list[str]], Tensor], limit: int = LIMIT) -> None:
        self._encode = encode
        self._limit = limit
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything, for instance because the weights changed."""
        self._row_of: dict[str, int] = {}
        self._rows = torch.empty(0, 0)

    def __len__(self) -> int:
        return len(self._row_of)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Features (N, E) in the order of the texts."""
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._row_of]
            if new and len(new) + len(self) > self._limit:
                self.clear()
                new = list(dict.fromkeys(texts))
            if new:
                self._append(new, self._encode(new))
            index = torch.tensor([self._row_of[text] for text in texts], dtype=torch.long)
            return self._rows[index.to(self._rows.device)]

    def _append(self, texts: list[str], features: Tensor) -> None:
        start, stop = len(self), len(self) + len(texts)
        if stop > len(self._rows):  # grow by doubling, so that single new strings stay cheap
            grown = features.new_empty(max(stop, 2 * len(self._rows)), features.shape[1])
            grown[:start] = self._rows[:start] if start else grown[:0]
            self._rows = grown
        self._rows[start:stop] = features
        self._row_of.update(zip(texts, range(start, stop), strict=True))
