"""Stuff: names, synonyms, where each kind lies, and cached texture tiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from lexiseg.datasets.miniworld.sprites import read_json
from lexiseg.datasets.miniworld.textures import paint

TILE_SEED = {"train": 11, "val": 12, "test": 13}


@dataclass(frozen=True)
class Stuff:
    """One kind of stuff of taxonomy A."""

    name: str
    place: str  # "upper", "lower" or "any" part of a scene
    synonyms: tuple[str, ...]
    phrases: tuple[str, ...]  # how captions mention it: "on the grass"
    train: tuple[dict[str, object], ...]
    test: tuple[dict[str, object], ...]

    def looks(self, split: str) -> tuple[dict[str, object], ...]:
        """Palettes and numbers a split may use; those of the test split are held out."""
        return self.test if split == "test" else self.train


@lru_cache(maxsize=1)
def all_stuff() -> dict[str, Stuff]:
    """Every kind of stuff by name, in the order that label maps use."""
    return {
        name: Stuff(
            name=name,
            place=entry["place"],
            synonyms=tuple(entry["synonyms"]),
            phrases=tuple(entry["phrases"]),
            train=tuple(entry["train"]),
            test=tuple(entry["test"]),
        )
        for name, entry in read_json("stuff.json").items()
    }


@lru_cache(maxsize=256)
def tile(name: str, split: str, look: int) -> Image.Image:
    """The texture tile of a look, painted once per process: RGB, 384 x 384."""
    order = list(all_stuff()).index(name)
    rng = np.random.default_rng(np.random.SeedSequence([TILE_SEED[split], order, look]))
    return Image.fromarray(paint(name, rng, all_stuff()[name].looks(split)[look]))
