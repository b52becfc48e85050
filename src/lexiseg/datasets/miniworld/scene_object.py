"""One object of a scene, as it is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SceneObject:
    """One object as it is seen."""

    name: str
    instance_id: int  # its value in `WorldScene.instances`
    group: str  # coarser noun
    cell: int  # pictograph number on the sprite sheet
    color: str  # color word, "" if no word is honest
    area: int  # visible pixels
    visible_fraction: float  # visible / whole area, 0..1
    depth: int  # 0 = nearest
    visible: bool  # enough of it is seen to be named
    _instances: NDArray[np.uint16] = field(repr=False, compare=False)
    is_thing: bool = True

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Visible region, (H, W) bool."""
        return np.asarray(self._instances == self.instance_id)

    @cached_property
    def bbox(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the visible region in pixels; zeros if hidden."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if len(rows) == 0:
            return 0, 0, 0, 0
        left, top = int(columns[0]), int(rows[0])
        return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
