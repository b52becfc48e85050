"""What a detector answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Detections:
    """Boxes for T phrases in one image, on the CPU.

    Attributes:
        boxes: (N, 4) float32, left, top, right, bottom in image pixels.
        scores: (N,) float32 in [0, 1].
        phrases: (N,) int64, the phrase of each.
        best: (T,) float32, the highest score of each phrase, whatever the threshold.
    """

    boxes: Tensor
    scores: Tensor
    phrases: Tensor
    best: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: Tensor) -> Detections:
        """Some of the boxes, by index or bool."""
        return Detections(self.boxes[chosen], self.scores[chosen], self.phrases[chosen], self.best)

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Answers to consecutive groups of phrases as one."""
        firsts, count = [], 0
        for part in parts:
            firsts.append(count)
            count += len(part.best)
        return Detections(
            torch.cat([torch.zeros(0, 4), *(part.boxes for part in parts)]),
            torch.cat([torch.zeros(0), *(part.scores for part in parts)]),
            torch.cat(
                [
                    torch.zeros(0, dtype=torch.long),
                    *(part.phrases + first for part, first in zip(parts, firsts, strict=True)),
                ]
            ),
            torch.cat([torch.zeros(0), *(part.best for part in parts)]),
        )


def corners(boxes: Tensor) -> Tensor:
    """Boxes (N, 4) from center and extent to left, top, right, bottom.

    Example:
        >>> corners(torch.tensor([[0.5, 0.5, 0.2, 0.4]]))
        tensor([[0.4000, 0.3000, 0.6000, 0.7000]])
    """
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat([center - half, center + half], dim=1)
