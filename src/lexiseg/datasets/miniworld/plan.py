"""What a scene will show, drawn from a seed in units of the picture's side, before any pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld.colors import Matrix, shift_matrix
from lexiseg.datasets.miniworld.sprites import Sprite, choices, novel_sprites, read_json
from lexiseg.datasets.miniworld.stuff import all_stuff

Rng = np.random.Generator
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Ranges:
    """How far a split varies its scenes."""

    side: tuple[float, float]  # longest side of an object / side of the picture
    angle: float  # largest rotation, degrees
    hue: float  # largest hue turn of things whose color belongs to them, degrees
    paint: float  # largest hue turn of things that come in any color, degrees
    window: tuple[float, float]  # part of a texture tile that fills the picture
    light: float  # largest relative change of brightness across the picture


TRAIN = Ranges((0.15, 0.60), 20.0, 10.0, 120.0, (0.55, 1.0), 0.20)
TEST = Ranges((0.14, 0.65), 30.0, 14.0, 180.0, (0.45, 1.0), 0.28)


@dataclass(frozen=True)
class Line:
    """A horizon: everything below a wavy line."""

    height: float
    tilt: float
    waves: tuple[tuple[float, float, float], ...]  # amplitude, cycles, phase


@dataclass(frozen=True)
class Blob:
    """A patch: where a coarse noise grid exceeds a threshold, perhaps only in one region."""

    grid: tuple[tuple[float, ...], ...]
    threshold: float
    within: int | None = None  # number of an earlier region


@dataclass(frozen=True)
class Region:
    """A piece of background; the first fills the picture, later ones lie within their border."""

    name: str
    look: int
    window: tuple[float, float, float]  # left, top, side of the part of the tile, 0..1
    flip: bool
    tint: Matrix
    border: Line | Blob | None


@dataclass(frozen=True)
class Placement:
    """One object: which pictograph, where, how large, how turned and colored."""

    sprite: Sprite
    x: float  # centre, 0..1
    y: float
    side: float  # longest side of the unturned drawing, 0..1
    angle: float  # degrees
    flip: bool
    tint: Matrix
    shadow: float  # opacity, 0 = none


@dataclass(frozen=True)
class ScenePlan:
    """A whole scene; `placements` from the farthest to the nearest."""

    regions: tuple[Region, ...]
    placements: tuple[Placement, ...]
    light: tuple[float, float, float, float]  # slope x, slope y, warmth, gain
    noise: float  # standard deviation, gray levels
    noise_at: tuple[float, float]
    split: str


def draw_plan(
    rng: Rng, split: str, things: tuple[int, int], novel: float = 0.0, neighbors: float = 0.0
) -> ScenePlan:
    """Draw the plan of one scene.

    Args:
        rng: all randomness comes from here.
        split: "train", "val" or "test".
        things: least and largest number of objects.
        novel: share of objects whose noun taxonomy A does not have, 0..1.
        neighbors: share of objects that stand beside another one of their noun, 0..1.
    """
    ranges = TEST if split == "test" else TRAIN
    regions = _draw_regions(rng, split, ranges)
    count = int(rng.integers(things[0], things[1] + 1))
    placements = _draw_placements(rng, ranges, count, choices(split))
    if novel:
        placements = tuple(_renew(rng, placement, novel) for placement in placements)
    if neighbors:
        placements = _gather(rng, placements, neighbors, choices(split))
    slope = ranges.light * rng.uniform(-1, 1, 2)
    warmth, gain = rng.uniform(-0.04, 0.04), rng.uniform(0.88, 1.1)
    noise, at = rng.uniform(0.0, 7.0), rng.random(2)
    light = (float(slope[0]), float(slope[1]), float(warmth), float(gain))
    return ScenePlan(regions, placements, light, float(noise), (float(at[0]), float(at[1])), split)


def _draw_regions(rng: Rng, split: str, ranges: Ranges) -> tuple[Region, ...]:
    kind = rng.choice(["single", "horizon", "horizon", "band", "pond", "blobs"])
    upper = [s.name for s in all_stuff().values() if s.place in ("upper", "any")]
    lower = [s.name for s in all_stuff().values() if s.place in ("lower", "any")]
    names: list[str] = []
    for pool in _pools(str(kind), upper, lower, rng):
        names.append(str(rng.choice([name for name in pool if name not in names])))
    borders = _draw_borders(rng, str(kind), len(names))
    pairs = zip(names, borders, strict=True)
    return tuple(_draw_region(rng, name, border, split, ranges) for name, border in pairs)


def _pools(kind: str, upper: list[str], lower: list[str], rng: Rng) -> list[list[str]]:
    sky = ["sky"] if rng.random() < 0.4 else upper
    if kind == "single":
        return [upper + lower]
    if kind == "horizon":
        return [sky, lower]
    if kind == "band":
        return [["sky"], [name for name in upper if name != "sky"], lower]
    if kind == "pond":
        return [sky, lower, lower]
    return [upper + lower] * int(rng.integers(2, 4))


def _draw_borders(rng: Rng, kind: str, count: int) -> list[Line | Blob | None]:
    if kind == "blobs":
        return [None, *(_draw_blob(rng, 0.1) for _ in range(count - 1))]
    high = _draw_line(rng, 0.2, 0.45) if kind == "band" else _draw_line(rng, 0.3, 0.65)
    if kind == "band":
        return [None, high, _draw_line(rng, 0.55, 0.8)]
    return [None, high, _draw_blob(rng, 0.2, within=1)][:count]


def _draw_line(rng: Rng, top: float, bottom: float) -> Line:
    rough = rng.random() ** 2
    waves = tuple(
        (float(rng.uniform(0, 0.05) * rough), float(cycles), float(rng.random()))
        for cycles in (0.7, 1.9, 4.3, 9.1)
    )
    return Line(float(rng.uniform(top, bottom)), float(rng.uniform(-0.1, 0.1)), waves)


def _draw_blob(rng: Rng, threshold: float, within: int | None = None) -> Blob:
    grid = rng.standard_normal((5, 5))
    rows = tuple(tuple(float(value) for value in row) for row in grid)
    return Blob(rows, threshold + float(rng.uniform(-0.3, 0.3)), within)


def _draw_region(
    rng: Rng, name: str, border: Line | Blob | None, split: str, ranges: Ranges
) -> Region:
    side = float(rng.uniform(*ranges.window))
    left, top = rng.random(2) * (1.0 - side)
    tint = shift_matrix(rng.uniform(-6, 6), rng.uniform(0.8, 1.15), rng.uniform(0.85, 1.12))
    look = int(rng.integers(len(all_stuff()[name].looks(split))))
    return Region(name, look, (float(left), float(top), side), rng.random() < 0.5, tint, border)


def _draw_placements(
    rng: Rng, ranges: Ranges, count: int, table: Mapping[str, tuple[Sprite, ...]]
) -> tuple[Placement, ...]:
    names = list(table)
    drawn: list[Placement] = []
    name = ""
    for _ in range(count):
        again = name and rng.random() < 0.22
        name = name if again else names[int(rng.integers(len(names)))]
        sprite = table[name][int(rng.integers(len(table[name])))]
        side = _draw_side(rng, ranges, count)
        x, y = _draw_centre(rng, side, drawn)
        drawn.append(_dress(rng, sprite, ranges, (x, y, side)))
    return tuple(drawn)


def _renew(rng: Rng, placement: Placement, share: float) -> Placement:
    """Perhaps show an unseen noun in the place of a known one."""
    if rng.random() >= share:
        return placement
    unseen = novel_sprites()
    return replace(placement, sprite=unseen[int(rng.integers(len(unseen)))])


def _gather(
    rng: Rng, placements: Sequence[Placement], share: float, table: Mapping[str, tuple[Sprite, ...]]
) -> tuple[Placement, ...]:
    """Perhaps turn an object into one like the one before it, of about its size, beside it."""
    gathered: list[Placement] = []
    for placement in placements:
        if gathered and rng.random() < share and gathered[-1].sprite.name in table:
            placement = _join(rng, placement, gathered, table)
        gathered.append(placement)
    return tuple(gathered)


def _join(
    rng: Rng,
    placement: Placement,
    others: list[Placement],
    table: Mapping[str, tuple[Sprite, ...]],
) -> Placement:
    """Move an object beside the last of the others, to the freest of a few sides."""
    last = others[-1]
    kin = table[last.sprite.name]
    side = last.side * float(rng.uniform(0.85, 1.15))
    turns = rng.uniform(0, 2 * math.pi, 8)
    reach = 0.5 * (last.side + side) * float(rng.uniform(0.8, 1.0))
    points = np.array([last.x, last.y]) + reach * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    x, y = _freest(points.clip(0.38 * side, 1 - 0.38 * side), side, others)
    return replace(
        placement, sprite=kin[int(rng.integers(len(kin)))], x=x, y=y, side=side, tint=last.tint
    )


def _draw_side(rng: Rng, ranges: Ranges, count: int) -> float:
    """Log-uniform size; the more objects, the smaller the largest."""
    low, high = ranges.side
    low = 1.6 * low if count == 1 else low
    high = max(low, high * min(1.0, math.sqrt(2.5 / count)))
    return float(low * (high / low) ** rng.random())


def _draw_centre(rng: Rng, side: float, others: list[Placement]) -> tuple[float, float]:
    """The freest of a few random centres; the border may cut a little off."""
    reach = 0.5 - 0.38 * side
    points = 0.5 + rng.uniform(-reach, reach, (5, 2))
    return _freest(points, side, others)


def _freest(points: Points, side: float, others: list[Placement]) -> tuple[float, float]:
    if not others:
        return float(points[0, 0]), float(points[0, 1])
    centre = np.array([(other.x, other.y) for other in others])
    sides = np.array([other.side for other in others])
    gaps = np.linalg.norm(points[:, None] - centre[None], axis=-1) / (0.5 * (sides + side))
    best = points[int(np.argmax(gaps.min(axis=1)))]
    return float(best[0]), float(best[1])


def _dress(
    rng: Rng, sprite: Sprite, ranges: Ranges, where: tuple[float, float, float]
) -> Placement:
    x, y, side = where
    free = sprite.name in _recolorable() and rng.random() < 0.6
    hue = rng.uniform(-1, 1) * (ranges.paint if free else ranges.hue)
    tint = shift_matrix(hue, rng.uniform(0.8, 1.15), rng.uniform(0.75, 1.12))
    shadow = float(rng.uniform(0.2, 0.5)) if rng.random() < 0.6 else 0.0
    angle = float(rng.uniform(-ranges.angle, ranges.angle))
    return Placement(sprite, x, y, side, angle, bool(rng.random() < 0.5), tint, shadow)


@lru_cache(maxsize=1)
def _recolorable() -> frozenset[str]:
    return frozenset(read_json("recolor.json"))
