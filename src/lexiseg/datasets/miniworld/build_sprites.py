"""Render the sprite sheet of Miniworld from the Noto Color Emoji font (run by maintainers only).

    python -m lexiseg.datasets.miniworld.build_sprites [--font FILE]

writes ``sprites.webp``, ``parts.png`` and ``sprites.json`` beside this file, in ``data/``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lexiseg.datasets.miniworld.parts import divide, spread
from lexiseg.errors import LexisegError

CELL = 128
COLUMNS = 20
BITMAP_SIZE = 109  # the only size the bitmap font offers
DATA = Path(__file__).parent / "data"


def find_font() -> Path:
    """Ask fontconfig for the Noto Color Emoji font file."""
    command = ["fc-match", "--format=%{file}", "Noto Color Emoji"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "emoji" not in found.lower():
        raise LexisegError(
            f"fontconfig offers {found!r}, not Noto Color Emoji; "
            "install the font (Debian: fonts-noto-color-emoji) or pass --font FILE."
        )
    return Path(found)


def draw_cell(pictograph: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """Draw one pictograph, cropped to its content and centred, as (128, 128, 4) RGBA."""
    canvas = Image.new("RGBA", (4 * CELL, 2 * CELL))
    ImageDraw.Draw(canvas).text((0, 0), pictograph, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None or box[2] - box[0] > 1.2 * CELL:
        raise LexisegError(
            f"The font draws {pictograph!r} as {box}, expected one glyph; "
            "choose another pictograph or a Pillow with raqm."
        )
    sprite = canvas.crop(box)
    sprite.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    cell = Image.new("RGBA", (CELL, CELL))
    cell.paste(sprite, ((CELL - sprite.width) // 2, (CELL - sprite.height) // 2))
    pixels = np.array(cell)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def entries() -> Iterator[tuple[str, str, str, str]]:
    """Yield (name, group, split, pictograph) for all things, the names of taxonomy A first."""
    for file, seen in (("things.json", True), ("novel.json", False)):
        for group, names in json.loads((DATA / file).read_text("utf-8")).items():
            for name, columns in names.items():
                for split, column in zip(("train", "test"), columns, strict=False):
                    for pictograph in column.split():
                        yield name, group, split if seen else "novel", pictograph


def dominant_color(cell: NDArray[np.uint8], parts: NDArray[np.uint8]) -> dict[str, object]:
    """Color and area share of the largest group of equally colored pixels of a cell."""
    pixels = cell[parts > 0][:, :3].astype(np.float64)
    modes = [np.median(cell[parts == k][:, :3], axis=0) for k in range(1, parts.max() + 1)]
    shares = [(np.abs(pixels - mode).max(axis=1) < 48).mean() for mode in modes]
    best = int(np.argmax(shares))
    return {"rgb": [int(v) for v in modes[best]], "share": round(float(shares[best]), 3)}


def build(font_file: Path, out: Path) -> None:
    """Write the sheet of pictographs, the sheet of their parts and the index."""
    font = ImageFont.truetype(str(font_file), BITMAP_SIZE)
    listed = list(entries())
    rows = -(-len(listed) // COLUMNS)
    sheet = np.zeros((rows * CELL, COLUMNS * CELL, 4), np.uint8)
    parts = np.zeros(sheet.shape[:2], np.uint8)
    groups: dict[str, str] = {}
    cells: dict[str, list[dict[str, object]]] = {}
    for number, (name, group, split, pictograph) in enumerate(listed):
        y, x = (number // COLUMNS) * CELL, (number % COLUMNS) * CELL
        cell = draw_cell(pictograph, font)
        label = divide(cell)
        sheet[y : y + CELL, x : x + CELL] = cell
        parts[y : y + CELL, x : x + CELL] = spread(label)
        record: dict[str, object] = {"cell": number, "pictograph": pictograph, "split": split}
        record |= {"parts": int(label.max()), "color": dominant_color(cell, label)}
        groups.setdefault(name, group)
        cells.setdefault(name, []).append(record)
    Image.fromarray(sheet).save(out / "sprites.webp", lossless=True, method=6, exact=False)
    Image.fromarray(parts * 40).save(out / "parts.png", optimize=True)
    names = {name: {"group": groups[name], "cells": own} for name, own in cells.items()}
    index = {"cell": CELL, "columns": COLUMNS, "names": names}
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (out / "sprites.json").write_text(text.replace('},"', '},\n"') + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, help="font file; asked from fontconfig by default")
    parser.add_argument("--out", type=Path, default=DATA)
    options = parser.parse_args()
    build(options.font or find_font(), options.out)
