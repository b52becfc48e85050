"""Prompts against per-pixel twins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from lexiseg.methods.car.config import PROMPTS
from lexiseg.methods.car.visual_prompts import center_and_extent, draw_prompts, surroundings
from lexiseg.ops.contours import contour_pixels, fill_holes
from lexiseg.ops.filters import gaussian_blur, gray

Paint = Callable[..., NDArray[np.uint8]]
RED = np.array([255, 0, 0], np.uint8)


@pytest.fixture
def mask() -> NDArray[np.bool_]:
    shape = np.zeros((52, 75), bool)
    shape[10:31, 20:44] = True
    shape[15:20, 25:30] = False
    shape[40:43, 60:66] = True
    return shape


def one_by_one(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], prompts: tuple[str, ...]
) -> NDArray[np.uint8]:
    """The prompts drawn after each other, each on the result of those before."""
    drawn = image.copy()
    inside = mask[..., None]
    if "blur" in prompts:
        drawn = np.where(inside, drawn, gaussian_blur(image, 15))
    if "gray" in prompts:
        drawn = np.where(inside, drawn, gray(drawn)[..., None])
    if "black" in prompts:
        drawn = np.where(inside, drawn, 0).astype(np.uint8)
    if "contour" in prompts:
        drawn[contour_pixels(fill_holes(mask))] = RED
    return drawn


@pytest.mark.parametrize(
    "prompts",
    list(
        chain.from_iterable(combinations(("blur", "gray", "black", "contour"), n) for n in range(5))
    ),
    ids="+".join,
)
def test_precomputed_surroundings_equal_drawing_in_turn(
    picture: Paint, mask: NDArray[np.bool_], prompts: tuple[str, ...]
) -> None:
    image = picture()
    drawn = draw_prompts(image, surroundings(image, prompts), mask, prompts)
    np.testing.assert_array_equal(drawn, one_by_one(image, mask, prompts))


def test_center_of_mass_and_extent(mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(mask)
    center = (int(columns.mean()), int(rows.mean()))
    assert center_and_extent(mask) == (center, (66 - 20, 43 - 10))


def test_circle_and_rectangle_are_centered_on_the_mass(
    picture: Paint, mask: NDArray[np.bool_]
) -> None:
    image = np.zeros_like(picture())
    (x, y), (width, height) = center_and_extent(mask)
    circled = (draw_prompts(image, image, mask, ["circle"]) == RED).all(-1)
    assert circled[y - height // 2, x] and circled[y, x - width // 2]
    framed = (draw_prompts(image, image, mask, ["rectangle"]) == RED).all(-1)
    assert framed[y - height // 2, x - width // 2 : x + width // 2 + 1].all()


def test_an_empty_mask_has_no_outline(picture: Paint) -> None:
    image, empty = picture(), np.zeros((52, 75), bool)
    around = surroundings(image, PROMPTS)
    np.testing.assert_array_equal(draw_prompts(image, around, empty, PROMPTS), around)


def test_no_prompt_is_the_image(picture: Paint, mask: NDArray[np.bool_]) -> None:
    image = picture()
    np.testing.assert_array_equal(draw_prompts(image, surroundings(image, ()), mask, ()), image)
