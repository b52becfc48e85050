"""The adapter's and the mask decoder's boxes: from vectors of prompts to answers of all queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lexiseg.methods.openworldsam.answers import Answers, join
from lexiseg.methods.openworldsam.config import OpenWorldSamConfig
from lexiseg.models.openworldsam import Adapter
from lexiseg.types import Candidates, ImageEmbedding

if TYPE_CHECKING:
    from lexiseg.models.sam import Segmenter


@torch.no_grad()
def decode(
    embedding: ImageEmbedding,
    vectors: Tensor,
    adapter: Adapter,
    segmenter: Segmenter,
    config: OpenWorldSamConfig,
) -> Answers:
    """Answer P prompts about a picture, K times each.

    Args:
        embedding: SAM 2's.
        vectors: (P, D) of the prompts.
        adapter: makes K queries of each vector.
        segmenter: its decoder answers them.
        config: layout, scope, fallback and the second stage.

    Returns:
        P * K answers, prompts one after the other.
    """
    picture = embedding.maps[-1].flatten(2).transpose(1, 2).float()
    scope, layout = config.scope or adapter.config.scope, config.layout or adapter.config.layout
    queries = adapter(vectors, picture, scope)
    in_parts = layout == "released" and scope == "joint"
    tokens = queries.sums() if in_parts else queries.tokens(layout, scope)
    numbers = torch.arange(len(vectors), device=vectors.device)
    prompts = numbers.repeat_interleave(len(tokens) // max(1, len(vectors)))
    pieces = segmenter.predict_tokens(embedding, tokens, fallback=config.fallback)
    answers = _answers(pieces, prompts, embedding.size_hw)
    return refine(embedding, answers, segmenter, config) if config.two_stage else answers


def refine(
    embedding: ImageEmbedding,
    answers: Answers,
    segmenter: Segmenter,
    config: OpenWorldSamConfig,
) -> Answers:
    """The second stage: sure masks are prompts of their own, without any token.

    Args:
        embedding: SAM 2's.
        answers: of the first stage.
        segmenter: its decoder answers once more.
        config: least score of a sure mask, and the fallback.

    Returns:
        the same answers, with masks and scores of the sure ones replaced.
    """
    sure = (answers.scores >= config.min_score).nonzero()[:, 0]
    if not len(sure):
        return answers
    nothing = answers.scores.new_zeros(len(sure), 0, embedding.maps[-1].shape[1])
    masks = answers.logits[sure]
    pieces = segmenter.predict_tokens(embedding, nothing, masks=masks, fallback=config.fallback)
    again = _answers(pieces, answers.prompts[sure], answers.size_hw)
    return replace(
        answers,
        logits=answers.logits.index_copy(0, sure, again.logits),
        scores=answers.scores.index_copy(0, sure, again.scores),
    )


def _answers(pieces: Iterator[Candidates], prompts: Tensor, size_hw: tuple[int, int]) -> Answers:
    parts, start = [], 0
    for piece in pieces:
        mine = prompts[start : start + len(piece)]
        objects = None if piece.object_logits is None else piece.object_logits[:, 0]
        parts.append(Answers(piece.logits[:, 0], piece.scores[:, 0], mine, size_hw, objects))
        start += len(piece)
    return join(parts)
