"""Tokens that are sums of two parts, which linear maps need to see only once each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TokenSums:
    """P sets of T tokens: token j of set i is ``own[i] + common[j]``.

    A linear map of all of them costs P + T rows instead of P x T.

    Attributes:
        own: (P, C).
        common: (T, C).

    Example:
        >>> import torch
        >>> TokenSums(torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])).whole()[..., 0]
        tensor([[11., 21.],
                [12., 22.]])
    """

    own: Tensor
    common: Tensor

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, chosen: slice) -> TokenSums:
        """Some of the sets."""
        return TokenSums(self.own[chosen], self.common)

    def to(self, dtype: torch.dtype) -> TokenSums:
        """In another precision."""
        return TokenSums(self.own.to(dtype), self.common.to(dtype))

    def whole(self) -> Tensor:
        """All tokens, (P, T, C)."""
        return self.own[:, None] + self.common

    def projected(self, linear: nn.Linear) -> Tensor:
        """``linear(self.whole())``, (P, T, C'), up to rounding."""
        common: Tensor = linear(self.common)
        return F.linear(self.own, linear.weight)[:, None] + common
