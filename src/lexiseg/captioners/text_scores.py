"""How well CLIP thinks the texts that candidate tokens lead to go with image segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lexiseg.models.gpt2 import Gpt2Tokenizer

# Texts -> unit features (N, E)
EncodeTexts = Callable[[Sequence[str]], Tensor]


class TextScores:
    """Cosines of segments with the texts "what was written so far" + "one more token".

    The whole text is given to CLIP, since a token that begins without a blank changes how CLIP
    cuts the word before it.

    Args:
        tokenizer: of the language model.
        encode: CLIP's text side.
    """

    def __init__(self, tokenizer: Gpt2Tokenizer, encode: EncodeTexts) -> None:
        self.tokenizer = tokenizer
        self.encode = encode

    def __call__(self, contexts: Tensor, candidates: Tensor, images: Tensor) -> Tensor:
        """Cosines (rows, k) float32.

        Args:
            contexts: (rows, L) int64; the first token of each only marks the start.
            candidates: (rows, k) int64.
            images: (rows, D) of unit length.
        """
        pieces = self.tokenizer.pieces
        beginnings = [self.tokenizer.decode(row) for row in contexts[:, 1:].tolist()]
        texts = [
            beginning + pieces[token]
            for beginning, row in zip(beginnings, candidates.tolist(), strict=True)
            for token in row
        ]
        features = self.encode(texts).view(*candidates.shape, -1).to(images.device)
        return torch.einsum("rkd,rd->rk", features, images)
