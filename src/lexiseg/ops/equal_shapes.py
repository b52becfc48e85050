"""Tensors of several pictures through one pass, as far as their shapes are equal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

DoneT = TypeVar("DoneT")


def grouped(keys: Sequence[Hashable]) -> Mapping[Hashable, list[int]]:
    """The numbers of equal keys, by key.

    Example:
        >>> grouped(["a", "b", "a"])
        {'a': [0, 2], 'b': [1]}
    """
    groups: dict[Hashable, list[int]] = {}
    for number, key in enumerate(keys):
        groups.setdefault(key, []).append(number)
    return groups


def together(step: Callable[[Tensor], Sequence[DoneT]], pictures: Sequence[Tensor]) -> list[DoneT]:
    """What a step makes of pictures, those of equal shape in one call.

    Args:
        step: takes (B, ...) and gives B things.
        pictures: (1, ...) each.

    Returns:
        One thing per picture, in their order.

    Example:
        >>> sizes = [torch.zeros(1, 2), torch.zeros(1, 3), torch.ones(1, 2)]
        >>> together(lambda batch: batch.sum(dim=1).tolist(), sizes)
        [0.0, 0.0, 2.0]
    """
    found: dict[int, DoneT] = {}
    for numbers in grouped([picture.shape for picture in pictures]).values():
        batch = torch.cat([pictures[number] for number in numbers])
        found.update(zip(numbers, step(batch), strict=True))
    return [found[number] for number in range(len(pictures))]


def rows(batch: Tensor) -> list[Tensor]:
    """A batch (B, ...) as B tensors (1, ...), none of which keeps the others in memory."""
    return [row[None].clone() for row in batch] if len(batch) > 1 else [batch]
