"""One painting recipe per kind of stuff; a look (palette and numbers) makes it concrete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets.miniworld.noise import (
    TILE,
    Field,
    Rng,
    blend,
    cells,
    cloud,
    grid,
    ramp,
)

Look = dict[str, Any]  # numbers and colours by name, of each kind its own


def blades(rng: Rng, look: Look) -> Field:
    """Fine upright strokes over broad patches: grass."""
    strokes = cloud(rng, 0.9, stretch=look["stretch"], coarse=look["coarse"])
    patches = cloud(rng, 2.0)
    return ramp(np.clip(1.3 * strokes + 0.5 * patches - 0.4, 0, 1), look["colors"])


def heaven(rng: Rng, look: Look) -> Field:
    """A vertical gradient with soft clouds: sky."""
    y, _ = grid()
    base = ramp(y, look["colors"])
    puffs = cloud(rng, 1.9, stretch=look["stretch"], coarse=2)
    return blend(base, ramp(puffs, look["cloud"]), look["cover"] * 4 * (puffs - 0.5))


def waves(rng: Rng, look: Look) -> Field:
    """Horizontal wave crests with glints: water."""
    y, _ = grid()
    warp = cloud(rng, 2.2, stretch=3)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * (look["crests"] * y + look["warp"] * warp))
    chop = cloud(rng, 1.2, stretch=5, coarse=8)
    water = ramp(0.55 * swell + 0.6 * chop - 0.1, look["colors"])
    return blend(water, np.full_like(water, 245.0), 5 * (0.4 * swell + chop - look["foam"]))


def ripples(rng: Rng, look: Look) -> Field:
    """Slanted, warped ridges with grains: sand."""
    y, x = grid()
    warp = cloud(rng, 2.2)
    ridge = 0.5 + 0.5 * np.sin(2 * np.pi * (look["ridges"] * y + 3 * x + look["warp"] * warp))
    grain = cloud(rng, 0.0)
    return ramp(look["relief"] * ridge + 0.45 * grain + 0.2 * warp - 0.1, look["colors"])


def powder(rng: Rng, look: Look) -> Field:
    """Smooth pale drifts with sparkles: snow."""
    drift = cloud(rng, 2.4, stretch=look["stretch"])
    sparkle = cloud(rng, 0.2)
    base = ramp(np.clip(2 * drift + 0.5 * sparkle - 0.75, 0, 1), look["colors"])
    return blend(base, np.full_like(base, 255.0), 9 * (sparkle - 0.86))


def asphalt(rng: Rng, look: Look) -> Field:
    """Grainy tarmac with painted lane lines: road."""
    y, x = grid()
    base = ramp(0.6 * cloud(rng, 0.3) + 0.4 * cloud(rng, 1.8), look["colors"])
    paint = ramp(np.full((TILE, TILE), 0.5), look["paint"])
    lane = (x * look["lanes"]) % 1.0
    line = np.abs(lane - 0.5) < look["width"]
    if look["double"]:
        line &= np.abs(lane - 0.5) > look["width"] / 3
    dash = (y * look["dashes"]) % 1.0 < look["duty"]
    worn = 0.6 + 0.4 * cloud(rng, 1.0)
    return blend(base, paint, (line & dash) * worn)


def bricks(rng: Rng, look: Look) -> Field:
    """Courses of bricks in mortar: wall."""
    y, x = grid()
    rows, columns = look["rows"], look["columns"]
    course = (y * rows).astype(int)
    along = (x * columns + look["bond"] * (course % 2)) % columns
    number = course * columns + along.astype(int)
    shade = rng.random(rows * columns)[number]
    face = ramp(0.7 * shade + 0.3 * cloud(rng, 0.8), look["colors"])
    edge = 0.5 - np.abs(y * rows % 1 - 0.5)
    side = (0.5 - np.abs(along % 1 - 0.5)) * rows / columns
    mortar = np.minimum(edge, side) < look["joint"]
    joint = ramp(0.5 * cloud(rng, 0.5) + 0.25, look["mortar"])
    return blend(face, joint, mortar.astype(float))


def planks(rng: Rng, look: Look) -> Field:
    """Boards with long grain: wood."""
    y, _ = grid()
    boards = int(look["boards"])
    row = (y * boards).astype(int)
    grain = cloud(rng, 1.3, stretch=look["grain"], coarse=3)
    shift = np.asarray(rng.integers(0, TILE, boards))[row]
    rolled = np.take_along_axis(grain, (np.arange(TILE)[None] + shift) % TILE, axis=1)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * look["rings"] * rolled)
    tone = np.asarray(rng.random(boards))[row]
    face = ramp(0.45 * rings + 0.25 * rolled + 0.3 * tone, look["colors"])
    gap = 0.5 - np.abs(y * boards % 1 - 0.5)
    return face * np.where(gap < 0.03, 0.45, 1.0)[..., None]


def stones(rng: Rng, look: Look) -> Field:
    """Angular blocks with cracks between: rock."""
    _, border, owner = cells(rng, look["count"])
    tone = rng.random(owner.max() + 1)[owner]
    rough = cloud(rng, 1.2)
    face = ramp(0.35 * tone + 0.65 * rough, look["colors"])
    crack: Field = np.clip(0.35 + border / look["crack"], 0.35, 1.0)[..., None]
    return face * crack


def soil(rng: Rng, look: Look) -> Field:
    """Crumbly earth with scattered pebbles: ground."""
    crumbs = cloud(rng, 0.7)
    base = ramp(0.6 * crumbs + 0.4 * cloud(rng, 1.8), look["colors"])
    distance, _, owner = cells(rng, look["count"])
    radius = np.maximum(look["pebbles"] * rng.random(owner.max() + 1) - 0.1, 0)[owner]
    pebble = ramp(np.clip(1 - distance, 0, 1), look["pebble"])
    return blend(base, pebble, 12 * (radius - distance))


def facade(rng: Rng, look: Look) -> Field:
    """Rows of windows, some lit: building."""
    y, x = grid()
    floors, columns = look["floors"], look["columns"]
    cell = (y * floors).astype(int) * columns + (x * columns).astype(int)
    v, u = np.abs(y * floors % 1 - 0.5), np.abs(x * columns % 1 - 0.5)
    wall = ramp(0.5 * cloud(rng, 0.6) + 0.25, look["colors"])
    pane = (v < look["tall"]) & (u < look["wide"])
    frame = (v < look["tall"] + 0.06) & (u < look["wide"] + 0.06)
    glass = ramp(rng.random(floors * columns)[cell], look["glass"])
    bar = (u < 0.02) | (v < 0.02)
    return blend(blend(wall, wall * 0.55, frame & ~pane), glass, pane & ~bar)


def foliage(rng: Rng, look: Look) -> Field:
    """Overlapping leaves seen from near: leaves."""
    distance, border, owner = cells(rng, look["count"])
    tone = rng.random(owner.max() + 1)[owner]
    face = ramp(0.75 * tone + 0.25 * cloud(rng, 1.5), look["colors"])
    vein = np.clip(1.15 - 0.6 * distance, 0.5, 1.2)
    return face * (vein * np.clip(0.3 + 4 * border, 0.3, 1.0))[..., None]


def tiles(rng: Rng, look: Look) -> Field:
    """Two kinds of square tiles with thin joints: floor."""
    y, x = grid()
    count = look["count"]
    a, b = (y + x, y - x) if look["diagonal"] else (y, x)
    i, j = np.floor(a * count).astype(int), np.floor(b * count).astype(int)
    marble = 1 - np.abs(2 * cloud(rng, 1.7) - 1)
    one, two = ramp(marble, look["one"]), ramp(marble, look["two"])
    face = blend(one, two, ((i + j) % 2).astype(float))
    gap = np.minimum(0.5 - np.abs(a * count % 1 - 0.5), 0.5 - np.abs(b * count % 1 - 0.5))
    return face * np.where(gap < 0.025, 0.6, 1.0)[..., None]


def weave(rng: Rng, look: Look) -> Field:
    """Repeated nested ornaments on woven threads: carpet."""
    y, x = grid()
    count = look["count"]
    v, u = np.abs(y * count % 1 - 0.5), np.abs(x * count % 1 - 0.5)
    shape = v + u if look["diamond"] else np.hypot(v, u) * 1.3
    bands = np.floor(shape * look["bands"]).astype(int) % len(look["colors"])
    table = ramp(np.linspace(0, 1, len(look["colors"])), look["colors"])
    threads = 0.85 + 0.15 * np.sign(np.sin(2 * np.pi * 96 * y) * np.sin(2 * np.pi * 96 * x))
    shade: Field = threads * (0.85 + 0.3 * cloud(rng, 0.5))
    motif: Field = table[bands]
    return motif * shade[..., None]


def folds(rng: Rng, look: Look) -> Field:
    """Hanging cloth with vertical folds: curtain."""
    _, x = grid()
    sway = cloud(rng, 2.3, stretch=0.1)
    phase = look["folds"] * x + look["sway"] * sway
    shade = 0.5 + 0.35 * np.sin(2 * np.pi * phase) + 0.15 * np.sin(2 * np.pi * (2.0 * phase + 0.3))
    return ramp(shade + 0.08 * (cloud(rng, 0.0) - 0.5), look["colors"])


def rails(rng: Rng, look: Look) -> Field:
    """Steel rails over sleepers on gravel: railway."""
    y, x = grid()
    distance, _, owner = cells(rng, 48)
    gravel = ramp(rng.random(owner.max() + 1)[owner], look["gravel"])
    gravel = gravel * np.clip(1.2 - 0.8 * distance, 0.4, 1.1)[..., None]
    across = np.abs(x * look["tracks"] % 1 - 0.5)
    sleeper = (y * look["sleepers"] % 1 < 0.42) & (across < 0.38)
    wood = ramp(0.5 * cloud(rng, 1.0, stretch=6) + 0.25, look["sleeper"])
    bed = blend(gravel, wood, sleeper.astype(float))
    steel = ramp(np.clip(np.abs(across - 0.24) / 0.045, 0, 1), look["steel"])
    return blend(bed, steel, (np.abs(across - 0.24) < 0.045).astype(float))


RECIPES: dict[str, Callable[[Rng, Look], Field]] = {
    "grass": blades,
    "sky": heaven,
    "water": waves,
    "sand": ripples,
    "snow": powder,
    "road": asphalt,
    "wall": bricks,
    "wood": planks,
    "rock": stones,
    "ground": soil,
    "building": facade,
    "leaves": foliage,
    "floor": tiles,
    "carpet": weave,
    "curtain": folds,
    "railway": rails,
}


def paint(name: str, rng: Rng, look: Look) -> NDArray[np.uint8]:
    """Paint one (384, 384, 3) uint8 tile of the named stuff."""
    return np.clip(RECIPES[name](rng, look), 0, 255).round().astype(np.uint8)
