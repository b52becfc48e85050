"""Names as rows of text features: wordings, prompts, and what has no name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.fc_clip import ProposalModel
from lexiseg.ops.class_logits import average_prompts
from lexiseg.types import Vocabulary


@dataclass(frozen=True)
class ClassTexts:
    """What the candidates are compared with.

    Attributes:
        rows: (K + 1, E) unit features of all wordings, those of a name together; void is last.
        counts: how many wordings each name has, and 1 for void.
        wordings: of each name.
    """

    rows: Tensor
    counts: tuple[int, ...]
    wordings: tuple[tuple[str, ...], ...]

    def known(self, trained: frozenset[str]) -> Tensor:
        """(C,) bool, names that share a wording, letter by letter, with those trained on."""
        return torch.tensor([not trained.isdisjoint(own) for own in self.wordings])


@torch.no_grad()
def read_names(
    vocabulary: Vocabulary, model: ProposalModel, templates: Sequence[str]
) -> ClassTexts:
    """Encode the wordings of all names.

    Args:
        vocabulary: names; a wording with commas is several.
        model: encodes each sentence once.
        templates: sentences with room for a wording.
    """
    wordings = tuple(split_wordings(own) for own in vocabulary.wordings)
    prompts = [
        template.format(wording) for own in wordings for wording in own for template in templates
    ]
    rows = average_prompts(model.text_features(prompts), len(templates))
    void = F.normalize(model.void, dim=-1)
    return ClassTexts(torch.cat([rows, void]), (*map(len, wordings), 1), wordings)


def split_wordings(wordings: Sequence[str]) -> tuple[str, ...]:
    """The wordings of a name, each cut at its commas.

    Example:
        >>> split_wordings(["sofa, couch", "settee"])
        ('sofa', 'couch', 'settee')
    """
    parts = (part.strip() for wording in wordings for part in wording.split(","))
    return tuple(part for part in parts if part) or tuple(wordings)
