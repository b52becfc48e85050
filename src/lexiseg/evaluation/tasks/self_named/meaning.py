"""What labels mean: the class that a text encoder finds nearest to each (TT of zero-guidance)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from lexiseg.datasets.class_list import ClassList
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.self_named.judging import only
from lexiseg.models.clip import Clip


class TextEncoder(Protocol):
    """Embeds texts so that the cosine says how much they mean the same."""

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, E) float32 of unit length."""
        ...


class ClipTexts:
    """CLIP's text tower in the place of a sentence encoder, where there is none.

    Args:
        clip: whose text tower is asked, without a sentence around the texts.

    Example:
        >>> texts = ClipTexts(Clip.load("mini-clip-proposal", "cpu"))
        >>> dog, puppy, car = texts.embed(["dog", "a dog", "car"])
        >>> bool(dog @ puppy > dog @ car)
        True
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, E) float32 of unit length."""
        return F.normalize(self.clip.text_features(list(texts)).float(), dim=-1).cpu()


def by_meaning(records: Sequence[Record], classes: ClassList, encoder: TextEncoder) -> list[Record]:
    """Records with what a text encoder makes of the labels; nothing is put around the texts.

    Args:
        records: of `lexiseg.evaluation.tasks.self_named.scoring.score_image`.
        classes: of their data set.
        encoder: Sentence-BERT in the paper.

    Returns:
        As given, and ``tt``: [nearest class, cosine] of every segment's label; ``told_cosine``:
        of the label of every true region and the name of its class.
    """
    names = encoder.embed(classes.prompts)
    texts = {text for r in records for text in (*r["said"], *(said for _, said in r["told"]))}
    distinct = sorted(texts)
    cosines = encoder.embed(distinct) @ names.T
    row = {text: index for index, text in enumerate(distinct)}
    return [
        {
            **record,
            "tt": nearest(_among(record, cosines[[row[text] for text in record["said"]]])),
            "told_cosine": [float(cosines[row[said], k - 1]) for k, said in record["told"]],
        }
        for record in records
    ]


def _among(record: Record, cosines: Tensor) -> Tensor:
    """Cosines of all classes, or of those that the record names as candidates."""
    return only(cosines, record["among"]) if "among" in record else cosines


def nearest(similarities: Tensor) -> list[tuple[int, float]]:
    """Best class (1..C) and its cosine for each row of (S, C)."""
    values, columns = similarities.float().max(dim=1)
    pairs = zip((columns + 1).tolist(), values.tolist(), strict=True)
    return [(number, round(value, 6)) for number, value in pairs]
