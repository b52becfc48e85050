"""Draw docs/images/miniworld.png: test scenes above their semantic, instance and part truth.

python scripts/picture_miniworld.py [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.io.contact_sheet import contact_sheet
from lexiseg.io.palette import color_of, voc_palette

NUMBERS = (9, 0, 6, 11, 13, 21)  # scenes of the test split
SIDE = 144


def rows(scene: WorldScene) -> list[np.ndarray]:
    """The picture and its truth as four (H, W, 3) pictures."""
    names = np.array([(0, 0, 0), *(color_of(name) for name in scene.vocabulary)], np.uint8)
    numbers = voc_palette()
    return [scene.image, names[scene.semantic], numbers[scene.instances], numbers[scene.parts]]


def main(out: Path) -> None:
    """Write the picture."""
    world = Miniworld(split="test", size=SIDE, things=(2, 6))
    columns = [rows(world[number]) for number in NUMBERS]
    pictures = [Image.fromarray(column[row]) for row in range(4) for column in columns]
    sheet = contact_sheet(pictures, columns=len(NUMBERS), gap=4)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/miniworld.png"))
