"""The asked names and the background as texts of a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.methods.tides.config import PERSON_WORDINGS, TidesConfig
from lexiseg.types import DenseScorer, Vocabulary, rivals

NOTHING_ELSE = "background"  # where every word of the background is asked for


@dataclass(frozen=True)
class Question:
    """Texts of classes, then of the background, which counts as the last class.

    Attributes:
        names: labels as asked.
        texts: (T, E) unit features.
        class_of_text: (T,) int64; ``len(names)`` stands for the background.
    """

    names: tuple[str, ...]
    texts: Tensor
    class_of_text: Tensor

    @classmethod
    def ask(cls, vocabulary: Vocabulary, scorer: DenseScorer, config: TidesConfig) -> Question:
        """Embed all wordings; background words that are asked for do not compete."""
        wordings = [
            (*own, *PERSON_WORDINGS) if config.person_wordings and "person" in own else own
            for own in vocabulary.wordings
        ]
        asked = (*vocabulary.texts, *(text for own in wordings for text in own))
        groups = [*wordings, rivals(config.background, asked) or (NOTHING_ELSE,)]
        texts = scorer.embed_texts([wording for group in groups for wording in group])
        owner = [index for index, group in enumerate(groups) for _ in group]
        return cls(vocabulary.names, texts, torch.tensor(owner, device=texts.device))

    def merge(self, scores: Tensor) -> Tensor:
        """Scores (..., T) of texts as scores (..., C + 1) of classes: the best wording counts."""
        classes = len(self.names) + 1
        if scores.shape[-1] == classes:
            return scores
        merged = scores.new_full((*scores.shape[:-1], classes), -torch.inf)
        return merged.scatter_reduce_(-1, self.class_of_text.expand(scores.shape), scores, "amax")

    def only(self, classes: Sequence[int]) -> Question:
        """The same question about some classes; the background stays."""
        members = torch.tensor([*classes, len(self.names)], device=self.texts.device)
        chosen = torch.isin(self.class_of_text, members)
        renumbered = torch.searchsorted(members, self.class_of_text[chosen])
        names = tuple(self.names[index] for index in classes)
        return Question(names, self.texts[chosen], renumbered)
