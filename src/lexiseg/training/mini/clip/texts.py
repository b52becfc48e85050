"""Names in sentences, tokenized once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lexiseg.models.clip import BpeTokenizer

# Ways in which programs put a name to CLIP; the bare name counts more, see `draw`.
TEMPLATES = (
    "{}",
    "a clean origami {}.",
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    "a photo of a small {}.",
    "a photo of a medium {}.",
    "a photo of a large {}.",
    "This is a photo of a small {}.",
    "This is a photo of a medium {}.",
    "This is a photo of a large {}.",
    "There is a small {} in the scene.",
    "There is a medium {} in the scene.",
    "There is a large {} in the scene.",
    "a {}",
    "the {}",
    "a picture of the {}.",
    "itap of a {}.",
    "a bad photo of the {}.",
    "a scene with a {} in it",
)
BARE_SHARE = 0.25


class NameTable:
    """Token ids of every name in every template.

    Args:
        tokenizer: the pair's own.
        names: in the order of the label columns.
    """

    def __init__(self, tokenizer: BpeTokenizer, names: Sequence[str]) -> None:
        rows = [tokenizer([t.format(name) for name in names]) for t in TEMPLATES]
        self.ids = torch.stack(rows)  # (templates, names, context)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Template of every name (names,): one for all, or one for each, by even chance."""
        count = self.ids.shape[1]
        single = bool(torch.rand((), generator=generator) < 0.5)
        chosen = torch.randint(len(TEMPLATES), (1 if single else count,), generator=generator)
        bare = torch.rand(chosen.shape, generator=generator) < BARE_SHARE
        return chosen.masked_fill(bare, 0).expand(count)

    def pick(self, chosen: Tensor, table: Tensor | None = None) -> Tensor:
        """Rows of the chosen templates: token ids (names, context), or those of another table."""
        rows = self.ids if table is None else table
        return rows[chosen.to(rows.device), torch.arange(rows.shape[1], device=rows.device)]
