"""Which scenes the page shows first: prints what belongs into `lexiseg.web.examples.SCENES`.

    python -m scripts.choose_examples

Of the first scenes those qualify on which the bundled CaR keeps every name that is there and
refuses every one that is not; of them the ones with the best outlines (mean IoU) are shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import lexiseg
from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.types import Method
from lexiseg.web.examples import ABSENT, examples_world

LOOKED_AT, SHOWN = 60, 6
Mask = NDArray[np.bool_]


def main() -> None:
    """Print the numbers of the scenes, best first."""
    method, world = lexiseg.load("car", preset="mini", device="cpu"), examples_world()
    rated = {number: quality(method, world[number], world) for number in range(LOOKED_AT)}
    best = sorted(rated, key=lambda number: -rated[number])[:SHOWN]
    for number in best:
        print(f"{number}: {rated[number]:.3f} {', '.join(world[number].names)}")
    print(f"SCENES = {tuple(best)}")


def quality(method: Method, scene: WorldScene, world: Miniworld) -> float:
    """Mean IoU of a scene's answers; 0 if one of them is wrong."""
    absent = scene.absent(ABSENT)
    result = method.segment(scene.image, [*scene.names, *absent])
    kept = {name for name in (*scene.names, *absent) if result.presence[name].kept}
    if kept != set(scene.names) or not scene.expressions:
        return 0.0
    painted = result.semantic
    ious = [
        overlap(painted.ids == painted.names.index(name) + 1,
                scene.semantic == world.names.index(name) + 1)
        for name in scene.names
    ]  # fmt: skip
    return float(np.mean(ious))


def overlap(one: Mask, other: Mask) -> float:
    """IoU of two masks."""
    return float((one & other).sum() / max((one | other).sum(), 1))


if __name__ == "__main__":
    main()
