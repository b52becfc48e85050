"""Fits the text tower to the vectors that names have learnt without it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.models.clip import TextTower
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.mini.clip.losses import caption_loss
from lexiseg.training.mini.clip.texts import NameTable

SCALE = torch.tensor(20.0)  # of cosines
RATE = 3e-3


def distill_names(
    tower: TextTower, table: NameTable, words: Tensor, steps: int, seed: int
) -> float:
    """Fit the features of all names, in all templates, to given vectors.

    Args:
        tower: changed in place.
        table: the names' sentences.
        words: (W, E) target directions.
        steps: how many.
        seed: of the choice of templates.

    Returns:
        Mean cosine with the targets at the end.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = muon_and_adamw(tower)
    targets = F.normalize(words.detach(), dim=-1)
    agreement = 0.0
    for step in range(steps):
        ids = table.pick(table.draw(generator)).to(targets.device)
        features = F.normalize(tower(ids).float(), dim=-1)
        cosines = (features * targets).sum(dim=1)
        apart = caption_loss(features, targets, SCALE.to(targets.device))
        torch.autograd.backward(apart + 5 * (1 - cosines).mean())
        optimizer.step(RATE * (1 - step / steps))
        agreement = cosines.mean().item()
    return agreement
