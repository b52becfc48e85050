"""The sprite sheet: names, pictographs, their parts, and pre-shrunk copies for fast pasting."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

MARGIN = 2  # transparent pixels around a sprite, so that bilinear sampling fades out
LEVELS = (1, 2, 4)  # shrink factors kept of each sprite


def read_data(name: str) -> bytes:
    """Contents of a file of the package's data folder."""
    return (files("lexiseg.datasets.miniworld") / "data" / name).read_bytes()


def read_json(name: str) -> Any:
    """A JSON file of the package's data folder."""
    return json.loads(read_data(name))


@dataclass(frozen=True)
class Level:
    """One pre-shrunk copy of a sprite, all three of one size."""

    rgb: Image.Image
    alpha: Image.Image
    parts: Image.Image


@dataclass(frozen=True)
class Sprite:
    """One pictograph of a noun."""

    cell: int
    name: str
    group: str  # a coarser noun: animal, fruit, vehicle ...
    split: str  # "train" (also used by val), "test" or "novel"
    pictograph: str
    part_count: int
    color: tuple[int, int, int]
    color_share: float

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Copies at 1, 1/2 and 1/4 of the sheet's resolution."""
        cell, parts = _crop(self.cell)
        return tuple(_level(cell, parts, factor) for factor in LEVELS)

    @cached_property
    def extent(self) -> tuple[int, int]:
        """Width and height of the drawing without its margin, sheet pixels."""
        rgb = self.levels[0].rgb
        return rgb.width - 2 * MARGIN, rgb.height - 2 * MARGIN


@lru_cache(maxsize=1)
def all_sprites() -> tuple[Sprite, ...]:
    """Every pictograph of the sheet in the order of its cells."""
    return tuple(
        Sprite(
            cell=cell["cell"],
            name=name,
            group=entry["group"],
            split=cell["split"],
            pictograph=cell["pictograph"],
            part_count=cell["parts"],
            color=tuple(cell["color"]["rgb"]),
            color_share=cell["color"]["share"],
        )
        for name, entry in read_json("sprites.json")["names"].items()
        for cell in entry["cells"]
    )


@lru_cache(maxsize=1)
def thing_names() -> tuple[str, ...]:
    """The nouns of taxonomy A, in the order that label maps use."""
    return tuple(dict.fromkeys(s.name for s in all_sprites() if s.split != "novel"))


@lru_cache(maxsize=1)
def novel_sprites() -> tuple[Sprite, ...]:
    """Pictographs of nouns that no split of taxonomy A ever shows."""
    return tuple(s for s in all_sprites() if s.split == "novel")


@lru_cache(maxsize=8)
def choices(split: str) -> dict[str, tuple[Sprite, ...]]:
    """Pictographs a split may draw for each noun.

    The test split shows a noun's held-out pictographs where it has any.
    """
    table: dict[str, tuple[Sprite, ...]] = {}
    for name in thing_names():
        own = [sprite for sprite in all_sprites() if sprite.name == name]
        held_out = [sprite for sprite in own if sprite.split == "test"]
        seen = [sprite for sprite in own if sprite.split == "train"]
        table[name] = tuple(held_out if split == "test" and held_out else seen)
    return table


@lru_cache(maxsize=1)
def _sheets() -> tuple[Image.Image, Image.Image, int, int]:
    index = read_json("sprites.json")
    sheet = Image.open(io.BytesIO(read_data("sprites.webp"))).convert("RGBA")
    coded = np.asarray(Image.open(io.BytesIO(read_data("parts.png"))))
    return sheet, Image.fromarray(coded // 40), index["cell"], index["columns"]


def _crop(number: int) -> tuple[Image.Image, Image.Image]:
    """Drawing and parts of one cell, cropped to its content plus the margin."""
    sheet, parts, cell, columns = _sheets()
    x, y = (number % columns) * cell, (number // columns) * cell
    box = (x, y, x + cell, y + cell)
    drawing = sheet.crop(box)
    left, top, right, bottom = drawing.getbbox() or (0, 0, cell, cell)
    padded = Image.new("RGBA", (right - left + 2 * MARGIN, bottom - top + 2 * MARGIN))
    padded.paste(drawing.crop((left, top, right, bottom)), (MARGIN, MARGIN))
    label = np.pad(np.asarray(parts.crop(box))[top:bottom, left:right], MARGIN, mode="edge")
    return padded, Image.fromarray(label)


def _level(cell: Image.Image, parts: Image.Image, factor: int) -> Level:
    size = (max(1, round(cell.width / factor)), max(1, round(cell.height / factor)))
    small = cell.resize(size, Image.Resampling.BOX) if factor > 1 else cell
    return Level(_bleed(small), small.getchannel("A"), parts.resize(size, Image.Resampling.NEAREST))


def _bleed(sprite: Image.Image) -> Image.Image:
    """Carry the border colors outwards, so that bilinear sampling meets no black fringe."""
    alpha = np.asarray(sprite.getchannel("A"), np.float64)[..., None] / 255.0
    color = np.asarray(sprite.convert("RGB"), np.float64)
    mean = (color * alpha).sum((0, 1)) / max(alpha.sum(), 1e-6)
    near = np.asarray(sprite.filter(ImageFilter.BoxBlur(2)), np.float64)
    filled = np.where(near[..., 3:] > 0, near[..., :3], mean)
    return Image.fromarray(np.where(alpha > 0, color, filled).astype(np.uint8))
