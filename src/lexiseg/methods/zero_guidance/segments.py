"""What the candidates stage hands on: a label map and each label's place in the tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Segments:
    """Disjoint segments that cover a picture, named by heap ids of the binary tree.

    Node t has the children 2t + 1 and 2t + 2; the root is 0. Labels that own no pixel do not
    occur, so ids and labels stay together.

    Attributes:
        labels: (h, w) int16 on the resized picture, index into `ids`.
        ids: heap id of every label.

    Example:
        >>> halves = Segments(np.array([[0, 1]], np.int16), (1, 2))
        >>> len(halves)
        2
    """

    labels: NDArray[np.int16]
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)
