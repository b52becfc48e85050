"""Miniworld: an endless, seeded stream of small scenes with exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from lexiseg.datasets.miniworld.clip import VideoClip
from lexiseg.datasets.miniworld.motion import draw_motions
from lexiseg.datasets.miniworld.plan import ScenePlan, draw_plan
from lexiseg.datasets.miniworld.render import MAX_OBJECTS, render
from lexiseg.datasets.miniworld.scene import WorldScene, assemble
from lexiseg.datasets.miniworld.sprites import thing_names
from lexiseg.datasets.miniworld.stuff import all_stuff
from lexiseg.datasets.miniworld.taxonomy import Taxonomy, load_taxonomy
from lexiseg.errors import UsageError

SPLITS = ("train", "val", "test")
VIDEO_STREAM = 3
STREAM = 20_240  # keeps these random numbers apart from those of other users of a seed


@dataclass(frozen=True)
class Miniworld:
    """A deterministic, unbounded data set of scenes.

    Args:
        split: "train"; "val" (same pictographs and looks, other scenes and tiles); or "test"
            (held-out pictographs and looks, wider ranges of size, turn and hue).
        size: side of the square pictures in pixels.
        seed: any non-negative number; another seed gives other scenes.
        things: least and largest number of objects per scene.
        novel: share of objects whose nouns taxonomy A does not have (label 0), 0..1; see
            `taxonomy`.
        neighbors: share of objects that stand beside another one of their noun, 0..1; with many
            things, crowds of a kind.

    Raises:
        UsageError: an argument is out of range.

    Example:
        >>> world = Miniworld(split="train", size=96, seed=0)
        >>> world[3].image.shape
        (96, 96, 3)
    """

    split: str = "train"
    size: int = 224
    seed: int = 0
    things: tuple[int, int] = (1, 6)
    novel: float = 0.0
    neighbors: float = 0.0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UsageError(f"Unknown Miniworld split {self.split!r}; choose train, val or test.")
        if not 16 <= self.size <= 4096:
            raise UsageError(f"Miniworld size is {self.size}; give 16 to 4096 pixels.")
        if self.seed < 0:
            raise UsageError(f"Miniworld seed is {self.seed}; give 0 or a positive number.")
        for option in ("novel", "neighbors"):
            share = getattr(self, option)
            if not 0.0 <= share <= 1.0:
                raise UsageError(f"Miniworld {option} is {share}; give a share from 0 to 1.")
        low, high = self.things
        if not 0 <= low <= high <= MAX_OBJECTS:
            raise UsageError(
                f"Miniworld things is {self.things}; "
                f"give the least and the largest number of objects, 0 to {MAX_OBJECTS}."
            )

    @property
    def thing_names(self) -> tuple[str, ...]:
        """Nouns of countable objects."""
        return thing_names()

    @property
    def stuff_names(self) -> tuple[str, ...]:
        """Nouns of background material."""
        return tuple(all_stuff())

    @property
    def names(self) -> tuple[str, ...]:
        """Things, then stuff; label k of a semantic map is ``names[k - 1]``."""
        return self.thing_names + self.stuff_names

    def __getitem__(self, i: int) -> WorldScene:
        """Scene number `i`, any i >= 0; the same in every process."""
        entropy = self._entropy(i)
        plan = self._plan(entropy)[0]
        return assemble(plan, render(plan, self.size), self.names, entropy)

    def __iter__(self) -> Iterator[WorldScene]:
        """All scenes in order, without end."""
        return (self[i] for i in count())

    def caption(self, i: int, k: int = 0) -> str:
        """The k-th alternative caption of scene `i`."""
        return self[i].describe(k)

    def video(self, i: int, frames: int = 24) -> VideoClip:
        """Clip number `i`: objects that move, hide each other, sometimes enter or leave.

        Raises:
            UsageError: `i` is negative or `frames` is below 1.
        """
        if frames < 1:
            raise UsageError(f"A Miniworld clip of {frames} frames was asked; give 1 or more.")
        entropy = (*self._entropy(i), VIDEO_STREAM)
        plan, rng = self._plan(entropy)
        return VideoClip(plan, draw_motions(rng, plan), frames, self.size, self.names, entropy)

    def taxonomy(self, name: str) -> Taxonomy:
        """A label policy: "A", the names above, or "B", with finer, coarser and unseen names."""
        return load_taxonomy(name)

    def _entropy(self, i: int) -> tuple[int, ...]:
        if i < 0:
            raise UsageError(f"Miniworld scene number is {i}; numbers start at 0.")
        return STREAM, SPLITS.index(self.split), self.seed, int(i)

    def _plan(self, entropy: tuple[int, ...]) -> tuple[ScenePlan, np.random.Generator]:
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        return draw_plan(rng, self.split, self.things, self.novel, self.neighbors), rng
