"""How the objects of a clip move: smooth paths, turns and growth, some entering or leaving."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lexiseg.datasets.miniworld.plan import Placement, ScenePlan

Rng = np.random.Generator

SPEED = 0.35  # largest way across the picture during a clip, in sides
ENTER_OR_LEAVE = 0.4  # share of clips in which one object comes in or goes out


@dataclass(frozen=True)
class Motion:
    """The path of one object over the clip's time 0..1, relative to its place in the plan."""

    start: tuple[float, float]
    end: tuple[float, float]
    bob: tuple[float, float, float]  # amplitude (sides), cycles, phase
    spin: float  # degrees over the clip
    growth: float  # factor over the clip

    def at(self, placement: Placement, time: float) -> Placement:
        """Where the object is at a time in 0..1."""
        amplitude, cycles, phase = self.bob
        swing = amplitude * math.sin(2 * math.pi * (cycles * time + phase))
        return replace(
            placement,
            x=placement.x + (1 - time) * self.start[0] + time * self.end[0],
            y=placement.y + (1 - time) * self.start[1] + time * self.end[1] + swing,
            side=placement.side * self.growth ** (time - 0.5),
            angle=placement.angle + self.spin * (time - 0.5),
        )


def draw_motions(rng: Rng, plan: ScenePlan) -> tuple[Motion, ...]:
    """Draw one path for each object of a plan."""
    motions = [_draw_motion(rng) for _ in plan.placements]
    if motions and rng.random() < ENTER_OR_LEAVE:
        k = int(rng.integers(len(motions)))
        motions[k] = _across_border(rng, plan.placements[k], motions[k])
    return tuple(motions)


def frame_plan(plan: ScenePlan, motions: tuple[Motion, ...], time: float, rng: Rng) -> ScenePlan:
    """The plan of the frame at a time in 0..1, with fresh camera noise."""
    pairs = zip(plan.placements, motions, strict=True)
    moved = tuple(motion.at(placement, time) for placement, motion in pairs)
    at = rng.random(2)
    return replace(plan, placements=moved, noise_at=(float(at[0]), float(at[1])))


def _draw_motion(rng: Rng) -> Motion:
    way = SPEED * rng.random() * np.array([1.0, 0.4]) * rng.uniform(-1, 1, 2)
    bob = (float(rng.uniform(0, 0.02)), float(rng.uniform(1, 3)), float(rng.random()))
    half = (float(way[0]) / 2, float(way[1]) / 2)
    spin, growth = float(rng.uniform(-25, 25)), float(rng.uniform(0.8, 1.25))
    return Motion((-half[0], -half[1]), half, bob, spin, growth)


def _across_border(rng: Rng, placement: Placement, motion: Motion) -> Motion:
    """The same motion, but from or to a place just outside the nearer side of the picture."""
    outside = -0.75 * placement.side if placement.x < 0.5 else 1.0 + 0.75 * placement.side
    away = (outside - placement.x, 0.0)
    if rng.random() < 0.5:
        return replace(motion, start=away, end=(0.0, 0.0))
    return replace(motion, start=(0.0, 0.0), end=away)
