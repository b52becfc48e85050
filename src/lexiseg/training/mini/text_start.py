"""A head start for the text tower: tell names apart before any picture is seen."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from lexiseg.models.clip import TextTower
from lexiseg.training.mini.losses import caption_loss
from lexiseg.training.mini.optimizer import Optimizer
from lexiseg.training.mini.texts import NameTable

SCALE = 20.0  # of cosines
RATE = 3e-3


def separate_names(tower: TextTower, table: NameTable, steps: int, seed: int) -> float:
    """Pull a name's sentences together and push those of other names away.

    A fresh text tower gives all sentences nearly the same feature, and the image tower then learns
    the few names that differ first. A few hundred steps on texts alone, which cost seconds, put
    the names far apart, as if each were a free vector.

    Args:
        tower: changed in place.
        table: all names in all templates.
        steps: how many.
        seed: of the choice of templates.

    Returns:
        The last loss.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = Optimizer(tower)
    device = tower.text_projection.device
    scale = torch.tensor(SCALE, device=device)
    last = 0.0
    for step in range(steps):
        first, second = (
            F.normalize(tower(table.draw(generator).to(device)).float(), dim=-1) for _ in range(2)
        )
        loss = caption_loss(first, second, scale)
        loss.backward()
        optimizer.step(RATE * (1 - step / steps))
        last = loss.item()
    return last
