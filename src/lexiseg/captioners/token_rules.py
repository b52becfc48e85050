"""Which tokens a caption should not use, and when it should end (ZeroCap's released rules)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from lexiseg.captioners.config import ZeroCapConfig

RECENT = 4  # tokens that the repetition penalty looks back on
# Numbers written without a blank before them, and signs that open or join clauses.
FORBIDDEN = re.compile(r"0|[1-9][0-9]{0,4}|[(),!:\n]")


def forbidden_tokens(pieces: Sequence[str]) -> list[int]:
    """Ids of the tokens that read as a number or as one of six signs.

    Args:
        pieces: what each token of the vocabulary reads as. GPT-2's gives the 917 ids of the
            published list.

    Example:
        >>> forbidden_tokens(["7", " 7", "07", ",", " ,", "cat"])
        [0, 3]
    """
    return [token for token, piece in enumerate(pieces) if FORBIDDEN.fullmatch(piece)]


class TokenRules:
    """Factors on logits, for all rows at once.

    Dividing a positive logit and multiplying a negative one both make its token less likely.

    Args:
        end: id of the token that ends a caption.
        forbidden: ids that are made unlikely everywhere.
        vocabulary: number of ids.
        config: the factors.
        device: where logits will lie.
    """

    def __init__(
        self,
        end: int,
        forbidden: Sequence[int],
        vocabulary: int,
        config: ZeroCapConfig,
        device: torch.device | str = "cpu",
    ) -> None:
        self.end = end
        self.repetition_penalty = config.repetition_penalty
        always = torch.ones(vocabulary)
        always[list(forbidden)] = config.forbidden_factor
        self._first, self._later = always.to(device), always.to(device, copy=True)
        self._first[end] *= config.start_factor
        self._later[end] /= config.end_factor

    def __call__(self, logits: Tensor, position: int, recent: Tensor) -> Tensor:
        """Adjust next-token logits.

        Args:
            logits: (rows, V) float32.
            position: of the new token in its caption, from 0.
            recent: (rows, n) int64, the last tokens before it.

        Returns:
            (rows, V), adjusted.
        """
        factors = (self._first if position == 0 else self._later).expand_as(logits)
        if self.repetition_penalty > 1:
            seen = torch.zeros_like(logits, dtype=torch.bool).scatter(1, recent, True)
            factors = torch.where(seen, factors * self.repetition_penalty, factors)
        return torch.where(logits > 0, logits / factors, logits * factors)
