"""The picture with its regions coloured, outlined and named."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import (
    distance_transform_edt,
    find_objects,
    maximum_filter,
    minimum_filter,
)

from lexiseg.io.image import image_of
from lexiseg.io.lettering import Lettering
from lexiseg.io.palette import Colour, color_of, shade
from lexiseg.io.writer import Destination, image_writer
from lexiseg.types import Instance, Result

_JPEG_SIDE = 65_500  # a JPEG cannot be longer
_MOST_LABELS = 200  # more cannot be read


@dataclass(frozen=True)
class OverlayStyle:
    """How an overlay looks.

    Args:
        opacity: of the fill, 0..1.
        outline: draw a thin line around every region.
        labels: write names into the regions.
        scores: write the score behind the name.
        legend: add a strip below that lists what was found and what is not there.
        color_by: one colour per name (the same in all pictures), or another shade of it for
            every further region of the name.
        enlarge_to: scale a smaller picture up until its longer side has this many pixels.
        line_scale: multiplies line width and letter size, which follow the picture size.
    """

    opacity: float = 0.5
    outline: bool = True
    labels: bool = True
    scores: bool = True
    legend: bool = False
    color_by: Literal["name", "instance"] = "name"
    enlarge_to: int = 0
    line_scale: float = 1.0


def draw_overlay(result: Result, style: OverlayStyle | None = None) -> Image.Image:
    """Draw the regions of a result on its picture.

    Args:
        result: with its image, or a path the image can be read from again.
        style: by default half-transparent fill, thin outline, label with score.

    Returns:
        RGB picture of the image's size, unless the style asks for a legend or an enlargement.

    Raises:
        ImageError: the picture is gone.
    """
    style = style or OverlayStyle()
    factor = _enlargement(result.size_hw, style.enlarge_to)
    regions = [item for item in _painting_order(result) if item.mask.area]
    colours = _region_colours(regions, style)
    ids = _enlarge(_paint(regions, result.size_hw), factor)
    width, height = result.size_hw[1] * factor, result.size_hw[0] * factor
    photo = Image.fromarray(image_of(result)).resize((width, height), Image.Resampling.BICUBIC)
    letters = Lettering.for_picture((height, width), style.line_scale)
    pixels = _fill(np.asarray(photo), ids, colours, style.opacity)
    if style.outline:
        pixels = _outline(pixels, ids, colours, letters.line_width)
    picture = Image.fromarray(pixels)
    if style.labels:
        _name_regions(picture, regions, colours, ids, letters, style.scores)
    return _with_legend(picture, result, letters) if style.legend else picture


def _with_caution(picture: Image.Image, caution: str) -> Image.Image:
    """A strip below the picture that says so, unless the picture is too small for it."""
    letters = Lettering.for_picture((picture.height, picture.width), 1.0)
    strip = letters.legend({}, (), picture.width, caution)
    return _above(picture, strip) if 2 * strip.height <= picture.height else picture


@image_writer
def write_overlay(
    result: Result, destination: Destination, style: OverlayStyle | None = None
) -> list[Path]:
    """``<name>.overlay.jpg`` (PNG where a side is too long for JPEG).

    Below a picture that the bundled small models answered, a line says so.
    """
    too_long = max(result.size_hw) > _JPEG_SIDE
    path = destination.path(".overlay.png" if too_long else ".overlay.jpg")
    destination.check(path)
    picture = draw_overlay(replace(result, image=destination.pixels_of(result)), style)
    if result.recipe.caution and not (style and style.legend):
        picture = _with_caution(picture, result.recipe.caution)
    buffer = io.BytesIO()
    if too_long:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return [destination.bytes(path, buffer.getvalue())]


def _painting_order(result: Result) -> list[Instance]:
    """Stuff below things; large regions below small ones, so that none is hidden whole."""
    return sorted(result.instances, key=lambda item: (item.is_thing, -item.mask.area))


def _enlargement(size_hw: tuple[int, int], enlarge_to: int) -> int:
    return max(1, -(-enlarge_to // max(size_hw)))


def _paint(regions: list[Instance], size_hw: tuple[int, int]) -> NDArray[np.int32]:
    """(H, W) number of the uppermost region, counted from 1."""
    ids = np.zeros(size_hw, dtype=np.int32)
    for number, item in enumerate(regions, start=1):
        ids[item.mask.to_array()] = number
    return ids


def _enlarge(ids: NDArray[np.int32], factor: int) -> NDArray[np.int32]:
    return ids.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else ids


def _region_colours(regions: list[Instance], style: OverlayStyle) -> NDArray[np.uint8]:
    """(N + 1, 3) colours, entry 0 for the background."""
    seen: dict[str, int] = {}
    colours: list[Colour] = [(0, 0, 0)]
    for item in regions:
        turn = seen[item.label] = seen.get(item.label, -1) + 1
        steps = (0.0, 0.35, -0.3, 0.6, -0.5) if style.color_by == "instance" else (0.0,)
        colours.append(shade(color_of(item.label), steps[turn % len(steps)]))
    return np.array(colours, dtype=np.uint8)


def _fill(
    image: NDArray[np.uint8], ids: NDArray[np.int32], colours: NDArray[np.uint8], opacity: float
) -> NDArray[np.uint8]:
    pixels = image.copy()
    covered = ids > 0
    mixed = image[covered] * np.float32(1 - opacity) + colours[ids[covered]] * np.float32(opacity)
    pixels[covered] = np.rint(mixed).astype(np.uint8)
    return pixels


def _outline(
    image: NDArray[np.uint8], ids: NDArray[np.int32], colours: NDArray[np.uint8], width: int
) -> NDArray[np.uint8]:
    """A bright line along the inner border of every region, on the upper one of two."""
    reach = 2 * width + 1
    line = (ids == maximum_filter(ids, reach)) & (ids != minimum_filter(ids, reach))
    bright = np.rint(colours * 0.7 + 255 * 0.3).astype(np.uint8)
    image[line] = bright[ids[line]]
    return image


def _name_regions(
    picture: Image.Image,
    regions: list[Instance],
    colours: NDArray[np.uint8],
    ids: NDArray[np.int32],
    letters: Lettering,
    scores: bool,
) -> None:
    """Place the labels of confident regions first, each where its region is widest."""
    draw = ImageDraw.Draw(picture)
    taken: list[tuple[int, int, int, int]] = []
    windows = find_objects(ids, max_label=len(regions))
    seen = [index for index, window in enumerate(windows) if window is not None]
    for index in sorted(seen, key=lambda index: -regions[index].score)[:_MOST_LABELS]:
        item = regions[index]
        label = letters.fit(item.label, picture.width, f" {item.score:.2f}" if scores else "")
        rows, columns = windows[index]
        crop = ids[rows, columns] == index + 1
        spots = _label_spots(crop, (rows.start, columns.start), label.size_wh)
        taken.append(letters.place(draw, label, _as_colour(colours[index + 1]), spots, taken))


def _as_colour(entry: NDArray[np.uint8]) -> Colour:
    red, green, blue = entry.tolist()
    return red, green, blue


def _label_spots(
    crop: NDArray[np.bool_], corner: tuple[int, int], size_wh: tuple[int, int]
) -> list[tuple[int, int]]:
    """Centres (x, y) for a label, best first: the widest places of the visible region.

    A region smaller than its label is named above or below instead.
    """
    top, left = corner
    step = max(1, max(crop.shape) // 160)
    depth = distance_transform_edt(np.pad(crop[::step, ::step], 1))[1:-1, 1:-1]
    spots = []
    for _ in range(6):
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        if depth[row, column] <= 0:
            break
        spots.append((left + int(column) * step, top + int(row) * step))
        _blank(depth, int(row), int(column), (size_wh[0] // step, size_wh[1] // step))
    middle, gap = left + crop.shape[1] // 2, size_wh[1] * 2 // 3
    outside = [(middle, top - gap), (middle, top + crop.shape[0] + gap)]
    roomy = crop.shape[0] > 2 * size_wh[1] and crop.shape[1] > size_wh[0]
    return [*spots, *outside] if roomy else [*outside, *spots]


def _blank(depth: NDArray[np.float64], row: int, column: int, size_wh: tuple[int, int]) -> None:
    """Rule out what a label placed here would cover."""
    width, height = size_wh[0] // 2 + 1, size_wh[1] + 1
    depth[max(0, row - height) : row + height, max(0, column - width) : column + width] = 0


def _with_legend(picture: Image.Image, result: Result, letters: Lettering) -> Image.Image:
    found = {name: color_of(name) for name in dict.fromkeys(result.instances.labels)}
    absent = [name for name in result.names if name not in found]
    strip = letters.legend(found, absent, picture.width, result.recipe.caution)
    return _above(picture, strip)


def _above(picture: Image.Image, strip: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (picture.width, picture.height + strip.height), "white")
    sheet.paste(picture)
    sheet.paste(strip, (0, picture.height))
    return sheet
