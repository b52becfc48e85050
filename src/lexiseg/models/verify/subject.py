"""What is asked of a checkpoint, and its answer as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """A checkpoint that is asked.

    Attributes:
        path: its weights.
        pictures: what is looked at, in the order in which the value names them.
        inputs: of the value.
    """

    path: Path
    pictures: tuple[Picture, ...]
    inputs: Mapping[str, Sequence[object]]

    @property
    def texts(self) -> list[str]:
        """Texts that are asked."""
        return [str(text) for text in self.inputs["texts"]]


def flat(numbers: Tensor) -> list[float]:
    """All numbers of a tensor, row by row."""
    return [float(number) for number in numbers.detach().float().flatten()]


Question = Callable[[Subject], list[float]]
