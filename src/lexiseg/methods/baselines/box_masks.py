"""From boxes to masks at the size of the image."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lexiseg.types import ImageEmbedding, Mask, PromptableSegmenter

PIXELS_AT_ONCE = 1 << 24  # of masks brought to the size of the image together


@torch.no_grad()
def masks_in_boxes(
    segmenter: PromptableSegmenter, embedding: ImageEmbedding, boxes: Tensor, multimask: bool
) -> Iterator[tuple[Mask, float]]:
    """The mask that a segmenter answers each box with, and its own score.

    Args:
        segmenter: any.
        embedding: of the image.
        boxes: (N, 4) xyxy in image pixels.
        multimask: take the best of several candidates, by the segmenter's score, instead of its
            single answer.
    """
    height, width = embedding.size_hw
    at_once = max(PIXELS_AT_ONCE // (height * width), 1)
    for part in segmenter.predict_chunks(embedding, boxes=boxes, multimask=multimask):
        scores, best = part.scores.max(dim=1)
        chosen = part.logits[torch.arange(len(best), device=best.device), best]
        shown = iter(scores.tolist())
        for some in torch.split(chosen, at_once):
            inside = (segmenter.full_size(some, embedding) > 0).cpu().numpy()
            yield from ((Mask.from_array(mask), next(shown)) for mask in inside)
