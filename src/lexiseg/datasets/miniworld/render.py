"""Turn a plan into pixels and label maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lexiseg.datasets.miniworld.plan import Blob, Line, Placement, Region, ScenePlan
from lexiseg.datasets.miniworld.sprites import MARGIN, Level, Sprite
from lexiseg.datasets.miniworld.stuff import tile

PARTS_PER_OBJECT = 5
MAX_OBJECTS = 255 // PARTS_PER_OBJECT
BILINEAR, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
OPAQUE = [255 if value >= 128 else 0 for value in range(256)]


@dataclass(frozen=True)
class Rendered:
    """Pixels and truth of one plan."""

    image: NDArray[np.uint8]  # (H, W, 3)
    regions: NDArray[np.uint8]  # (H, W), index of the background region
    instances: NDArray[np.uint8]  # (H, W), 0 = background, k = k-th placement
    parts: NDArray[np.uint8]  # (H, W), 0 = background, 5 (k - 1) + p = part p of placement k
    areas: tuple[int, ...]  # pixels each whole object would cover, were nothing in front


def render(plan: ScenePlan, size: int) -> Rendered:
    """Draw a plan at `size` x `size` pixels."""
    regions = region_map(plan.regions, size)
    canvas = _draw_background(plan, regions, size)
    instances, parts = Image.new("L", (size, size)), Image.new("L", (size, size))
    areas = []
    for number, placement in enumerate(plan.placements):
        areas.append(_paste(placement, number, (canvas, instances, parts)))
    image = _light(np.asarray(canvas), plan)
    return Rendered(image, regions, np.asarray(instances), np.asarray(parts), tuple(areas))


def region_map(regions: tuple[Region, ...], size: int) -> NDArray[np.uint8]:
    """Index of the background region at every pixel, (size, size)."""
    labels = np.zeros((size, size), np.uint8)
    for number, region in enumerate(regions):
        if isinstance(region.border, Line):
            labels[_below(region.border, size)] = number
        elif isinstance(region.border, Blob):
            inside = _inside(region.border, size)
            within = region.border.within
            labels[inside if within is None else inside & (labels == within)] = number
    return labels


def _below(line: Line, size: int) -> NDArray[np.bool_]:
    x, y = _axis(size), _axis(size)
    edge = line.height + line.tilt * (x - 0.5)
    for amplitude, cycles, phase in line.waves:
        edge = edge + amplitude * np.sin(2 * np.pi * (cycles * x + phase))
    return np.asarray(y[:, None] > edge[None])


def _inside(blob: Blob, size: int) -> NDArray[np.bool_]:
    coarse = Image.fromarray(np.array(blob.grid, np.float32))
    smooth = coarse.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(np.asarray(smooth) > blob.threshold)


def _axis(size: int) -> NDArray[np.float64]:
    return (np.arange(size) + 0.5) / size


def _draw_background(plan: ScenePlan, labels: NDArray[np.uint8], size: int) -> Image.Image:
    canvas = Image.new("RGB", (size, size))
    for number, region in enumerate(plan.regions):
        texture = _draw_texture(region, plan.split, size)
        mask = Image.fromarray((labels == number).view(np.uint8) * np.uint8(255))
        canvas.paste(texture, (0, 0), mask if number else None)
    return canvas


def _draw_texture(region: Region, split: str, size: int) -> Image.Image:
    whole = tile(region.name, split, region.look)
    left, top, side = (value * whole.width for value in region.window)
    piece = whole.resize((size, size), BILINEAR, box=(left, top, left + side, top + side))
    if region.flip:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return piece.convert("RGB", region.tint)


def _paste(placement: Placement, number: int, layers: tuple[Image.Image, ...]) -> int:
    """Paste one object onto picture, instance and part layers; its full area in pixels."""
    canvas, instances, parts = layers
    level, size, coefficients = _geometry(placement, canvas.width)
    alpha = level.alpha.transform(size, Image.Transform.AFFINE, coefficients, BILINEAR)
    corner = (
        round(placement.x * canvas.width - size[0] / 2),
        round(placement.y * canvas.height - size[1] / 2),
    )
    if placement.shadow:
        _cast_shadow(canvas, alpha, corner, placement.shadow)
    tinted = level.rgb.convert("RGB", placement.tint)
    rgb = tinted.transform(size, Image.Transform.AFFINE, coefficients, BILINEAR)
    canvas.paste(rgb, corner, alpha)
    mask = alpha.point(OPAQUE)
    instances.paste(number + 1, (*corner, corner[0] + size[0], corner[1] + size[1]), mask)
    label = level.parts.transform(size, Image.Transform.AFFINE, coefficients, NEAREST)
    parts.paste(label.point(_part_codes(number)), corner, mask)
    return mask.histogram()[255]


@lru_cache(maxsize=MAX_OBJECTS)
def _part_codes(number: int) -> list[int]:
    first = PARTS_PER_OBJECT * number
    return [0] + [first + min(part, PARTS_PER_OBJECT) for part in range(1, 256)]


def _geometry(
    placement: Placement, canvas: int
) -> tuple[Level, tuple[int, int], tuple[float, ...]]:
    """Copy to sample, output size, and the affine map from output to that copy's pixels."""
    sprite = placement.sprite
    pixels = placement.side * canvas  # wanted length of the longest side
    level = _suitable(sprite, pixels)
    shrink = level.rgb.width / sprite.levels[0].rgb.width
    zoom = pixels / (max(sprite.extent) * shrink)  # output pixels per pixel of the copy
    cos = math.cos(math.radians(placement.angle))
    sin = math.sin(math.radians(placement.angle))
    width, height = level.rgb.width * zoom, level.rgb.height * zoom
    out = (
        max(1, math.ceil(abs(width * cos) + abs(height * sin))),
        max(1, math.ceil(abs(width * sin) + abs(height * cos))),
    )
    mirror = -1.0 if placement.flip else 1.0
    a, b = mirror * cos / zoom, mirror * sin / zoom
    d, e = -sin / zoom, cos / zoom
    c = level.rgb.width / 2 - a * out[0] / 2 - b * out[1] / 2
    f = level.rgb.height / 2 - d * out[0] / 2 - e * out[1] / 2
    return level, out, (a, b, c, d, e, f)


def _suitable(sprite: Sprite, pixels: float) -> Level:
    """The smallest copy that need not be enlarged."""
    fitting = [level for level in sprite.levels if max(level.rgb.size) - 2 * MARGIN >= 0.8 * pixels]
    return fitting[-1] if fitting else sprite.levels[0]


def _cast_shadow(
    canvas: Image.Image, alpha: Image.Image, corner: tuple[int, int], opacity: float
) -> None:
    """Darken the ground beside an object with its blurred, shifted outline."""
    pad = max(2, alpha.width // 12)
    padded = Image.new("L", (alpha.width + 2 * pad, alpha.height + 2 * pad))
    padded.paste(alpha.point([int(opacity * value) for value in range(256)]), (pad, pad))
    soft = padded.filter(ImageFilter.BoxBlur(pad / 2))
    spot = (corner[0] - pad + pad // 2, corner[1] - pad + pad // 2)
    canvas.paste((0, 0, 0), (*spot, spot[0] + soft.width, spot[1] + soft.height), soft)


def _light(pixels: NDArray[np.uint8], plan: ScenePlan) -> NDArray[np.uint8]:
    """Apply a slope of brightness, a tint of light and camera noise."""
    size = pixels.shape[0]
    slope_x, slope_y, warmth, gain = plan.light
    axis = (_axis(size) - 0.5).astype(np.float32)
    slope = np.float32(gain) * (1 + slope_x * axis[None] + slope_y * axis[:, None])
    tint = np.array([1 + warmth, 1, 1 - warmth], np.float32)
    grain = _grain(size)
    top, left = (int(value * (grain.shape[0] - size)) for value in plan.noise_at)
    noise = np.float32(plan.noise) * grain[top : top + size, left : left + size]
    lit = pixels * (slope.astype(np.float32)[..., None] * tint)
    lit += noise[..., None]
    np.clip(lit, 0, 255, out=lit)
    return lit.astype(np.uint8)


@lru_cache(maxsize=4)
def _grain(size: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(np.random.SeedSequence([17]))
    return rng.standard_normal((size + 64, size + 64)).astype(np.float32)
