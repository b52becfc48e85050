"""Beam search over captions of many segments side by side, each segment on its own.

A beam's rank is its summed log-probability divided by its length. A finished beam stays as it is
and is filled up with token 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

PADDING = 0


@dataclass(frozen=True)
class Beams:
    """The B captions kept of each of S segments.

    Attributes:
        tokens: (S, B, t) int64, padded behind a finished beam's end.
        scores: (S, B) float32, summed log-probabilities.
        lengths: (S, B) int64, tokens up to and including the end.
        finished: (S, B) bool.
    """

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor

    def select(self, keep: Tensor) -> Beams:
        """The beams of some segments, (S,) bool."""
        fields = (self.tokens, self.scores, self.lengths, self.finished)
        return Beams(*(field[keep] for field in fields))

    def captions(self) -> list[list[tuple[int, ...]]]:
        """For each segment its captions as token ids without padding, best rank first."""
        order = (self.scores / self.lengths).argsort(dim=1, descending=True, stable=True)
        tokens = self.tokens.gather(1, order[..., None].expand_as(self.tokens)).tolist()
        lengths = self.lengths.gather(1, order).tolist()
        return [
            [tuple(row[:length]) for row, length in zip(rows, counts, strict=True)]
            for rows, counts in zip(tokens, lengths, strict=True)
        ]


def start_beams(log_probs: Tensor, width: int, end: int) -> Beams:
    """The most probable first tokens.

    Args:
        log_probs: (S, V), of each segment's first token.
        width: beams to keep of each segment.
        end: token that finishes a beam.
    """
    scores, tokens = log_probs.topk(width, dim=1)
    return Beams(tokens[..., None], scores, torch.ones_like(tokens), tokens == end)


def grow_beams(beams: Beams, log_probs: Tensor, end: int) -> tuple[Beams, Tensor]:
    """Let every beam continue with every token and keep the best of each segment.

    Args:
        beams: S segments of B beams.
        log_probs: (S, B, V), of each beam's next token; those of finished beams do not matter.
        end: token that finishes a beam.

    Returns:
        The new beams and the (S, B) indices of the beams they continue.
    """
    vocabulary = log_probs.shape[-1]
    grown = log_probs.masked_fill(beams.finished[..., None], -torch.inf)
    grown[..., PADDING] = grown[..., PADDING].masked_fill(beams.finished, 0.0)
    lengths = beams.lengths + ~beams.finished
    ranks = (beams.scores[..., None] + grown) / lengths[..., None]
    best, place = ranks.flatten(1).topk(beams.scores.shape[1], dim=1)
    parents, tokens = place // vocabulary, place % vocabulary
    lengths = lengths.gather(1, parents)
    history = beams.tokens.gather(1, parents[..., None].expand_as(beams.tokens))
    finished = beams.finished.gather(1, parents) | (tokens == end)
    return Beams(
        torch.cat((history, tokens[..., None]), dim=2), best * lengths, lengths, finished
    ), parents


def fuse(
    shifted: Tensor, before: Tensor, fusion: float, renormalization: Literal["joint", "per-beam"]
) -> Tensor:
    """Mix the shifted and the unshifted distribution geometrically.

    Args:
        shifted: (S, B, V) log-probabilities under the shifted context and the token rules.
        before: (S, B, V) log-probabilities of the unshifted context.
        fusion: exponent of the first; the second has the rest.
        renormalization: divide by the sum over all beams of a segment, as the released code does,
            which lowers running beams by about log B a token beside finished ones; or by each
            beam's own sum.

    Returns:
        (S, B, V) log-probabilities.
    """
    mixed = fusion * shifted + (1 - fusion) * before
    over = (1, 2) if renormalization == "joint" else (2,)
    return mixed - mixed.logsumexp(dim=over, keepdim=True)
