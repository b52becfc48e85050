"""Self-distillation: heads, targets of the teacher, and the student's losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.training.engine.process_group import ProcessGroup

STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.05  # lower than the student's: sharpening
CENTRE_MOMENTUM = 0.9
BALANCING_TEMPERATURE = 0.025  # keys differ less than pictures do
BALANCING_ROUNDS = 3
GROUPING_TEMPERATURE = 0.05  # of cosines between keys


class PictureHead(nn.Module):
    """DINO's head (Caron et al. 2021, section 3.1): MLP, unit bottleneck, unit prototypes."""

    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, bottleneck))
        self.prototypes = nn.Parameter(torch.randn(prototypes, bottleneck))

    def forward(self, cls: Tensor) -> Tensor:
        """Cosines (B, K) of class tokens (B, D) with the prototypes."""
        return cosines(self.mlp(cls), self.prototypes)


class KeyHead(nn.Module):
    """Prototypes among the keys themselves, so that nearness there comes to mean something."""

    def __init__(self, width: int, prototypes: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(prototypes, width))

    def forward(self, keys: Tensor) -> Tensor:
        """Cosines (..., K) of keys (..., D) with the prototypes."""
        return cosines(keys, self.prototypes)


def cosines(vectors: Tensor, prototypes: Tensor) -> Tensor:
    """Cosines of vectors (..., D) with prototypes (K, D), in float32."""
    found = F.normalize(vectors.float(), dim=-1) @ F.normalize(prototypes, dim=-1).T
    return found.float()  # autocast multiplies in low precision


class Centre(nn.Module):
    """Running mean of the teacher's scores; taking it away keeps one prototype from winning all."""

    def __init__(self, prototypes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(prototypes))
        self.mean: Tensor

    def sharpen(self, scores: Tensor) -> Tensor:
        """The teacher's distributions (B, K): centred, and sharper than the student's."""
        return ((scores - self.mean) / TEACHER_TEMPERATURE).softmax(dim=-1)

    def update(self, scores: Tensor, group: ProcessGroup) -> None:
        """Follow the mean over a batch of scores (B, K), the same for the whole group."""
        mean = scores.mean(dim=0)
        group.average([mean])
        self.mean.lerp_(mean, 1 - CENTRE_MOMENTUM)


@torch.no_grad()
def balanced(scores: Tensor) -> Tensor:
    """Distributions (N, K) that use all prototypes equally (Sinkhorn-Knopp, Caron et al. 2020).

    Args:
        scores: cosines (N, K).
    """
    weights = ((scores - scores.max()) / BALANCING_TEMPERATURE).exp()
    for _ in range(BALANCING_ROUNDS):
        weights = weights / weights.sum(dim=0, keepdim=True).clamp(min=1e-12)
        weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return weights


@torch.no_grad()
def grouped(targets: Tensor, keys: Tensor) -> Tensor:
    """Let patches with similar keys share their targets, picture by picture.

    Args:
        targets: (B, N, K) distributions.
        keys: (B, N, D).
    """
    unit = F.normalize(keys.float(), dim=-1)
    share = (unit @ unit.mT / GROUPING_TEMPERATURE).softmax(dim=-1)
    return (share @ targets).float()


def distillation(target: Tensor, scores: Tensor) -> Tensor:
    """Cross-entropy (...) of the student's scores (..., K) to distributions (..., K)."""
    return -(target * (scores / STUDENT_TEMPERATURE).log_softmax(dim=-1)).sum(dim=-1)
