"""Split the things of Miniworld by their pictographs (run by maintainers only).

    python -m lexiseg.analysis.tides.build_miniworld_groups

writes ``data/miniworld.yaml`` beside this file.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import yaml

from lexiseg.datasets.miniworld.sprites import all_sprites, thing_names

FILE = Path(__file__).parent / "data" / "miniworld.yaml"
HALF = 0.5
ABOUT = (
    "Computed from the sprite sheet: a thing is non-uniform if its main color covers less than "
    "half of its pictographs on average, so that no part of one color is most of the object. "
    "This concerns color only; the paper's split of COCO is about real objects."
)


def split_things() -> dict[str, list[str]]:
    """Names of things by how much of their pictographs the main color covers."""
    shares: dict[str, list[float]] = {name: [] for name in thing_names()}
    for sprite in all_sprites():
        if sprite.name in shares:
            shares[sprite.name].append(sprite.color_share)
    return {
        "non-uniform": [name for name, own in shares.items() if mean(own) < HALF],
        "uniform": [name for name, own in shares.items() if mean(own) >= HALF],
    }


def file_text() -> str:
    """The content of the data file."""
    content = {"about": ABOUT, "groups": split_things()}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=98)


if __name__ == "__main__":
    FILE.write_text(file_text(), encoding="utf-8")
