"""A short video of Miniworld: scenes that share their objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import overload

import numpy as np

from lexiseg.datasets.miniworld.motion import Motion, frame_plan
from lexiseg.datasets.miniworld.plan import Placement, ScenePlan
from lexiseg.datasets.miniworld.render import render
from lexiseg.datasets.miniworld.scene import WorldScene, assemble, color_of
from lexiseg.datasets.sample import Expression

CLEAR_WAY = 0.1  # sides; what moves less is not said to move left or right


@dataclass(frozen=True)
class VideoClip(Sequence[WorldScene]):
    """A sequence of scenes; each frame is drawn when indexed.

    The number of an object in `WorldScene.instances` is the same in all frames.

    Args:
        plan: what is in the clip.
        motions: how each object moves.
        length: number of frames.
        size: side of the frames, pixels.
    """

    plan: ScenePlan = field(repr=False)
    motions: tuple[Motion, ...] = field(repr=False)
    length: int
    size: int
    vocabulary: tuple[str, ...] = field(repr=False)
    entropy: tuple[int, ...] = field(repr=False)

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> WorldScene: ...
    @overload
    def __getitem__(self, index: slice) -> list[WorldScene]: ...
    def __getitem__(self, index: int | slice) -> WorldScene | list[WorldScene]:
        if isinstance(index, slice):
            return [self._frame(k) for k in range(*index.indices(self.length))]
        if not -self.length <= index < self.length:
            raise IndexError(index)
        return self._frame(index % self.length)

    def _frame(self, index: int) -> WorldScene:
        entropy = (*self.entropy, index)
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        plan = frame_plan(self.plan, self.motions, index / max(1, self.length - 1), rng)
        return assemble(plan, render(plan, self.size), self.vocabulary, entropy)

    @cached_property
    def names(self) -> dict[int, str]:
        """Object id -> name."""
        return {k: p.sprite.name for k, p in enumerate(self.plan.placements, start=1)}

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """Sentences that mean one object throughout the clip."""
        placed = list(zip(self.plan.placements, self.motions, strict=True))
        return tuple(
            Expression(sentence, number)
            for number, (placement, motion) in enumerate(placed, start=1)
            for sentence in _sentences(placement, motion, _others(placed, number - 1))
        )


def _others(placed: list[tuple[Placement, Motion]], index: int) -> list[tuple[Placement, Motion]]:
    """The other objects of the same name."""
    name = placed[index][0].sprite.name
    return [p for k, p in enumerate(placed) if k != index and p[0].sprite.name == name]


def _sentences(
    placement: Placement, motion: Motion, others: list[tuple[Placement, Motion]]
) -> Iterator[str]:
    name, color = placement.sprite.name, color_of(placement)
    if not others:
        yield f"the {name}"
    if color and all(color_of(other) not in ("", color) for other, _ in others):
        yield f"the {color} {name}"
    direction = _direction(motion)
    if direction and all(_direction(other) not in ("", direction) for _, other in others):
        yield f"the {name} moving to the {direction}"


def _direction(motion: Motion) -> str:
    way = motion.end[0] - motion.start[0]
    return "" if abs(way) < CLEAR_WAY else "right" if way > 0 else "left"
