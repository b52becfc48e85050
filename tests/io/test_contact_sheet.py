"""Where pictures stand on a page."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lexiseg.io.contact_sheet import contact_sheet


def test_pictures_stand_in_rows_of_cells_as_large_as_the_largest():
    sides = [(4, 3), (2, 5), (4, 5)]
    pictures = [Image.new("RGB", side, (50 * k, 0, 0)) for k, side in enumerate(sides)]
    page = np.asarray(contact_sheet(pictures, columns=2, gap=1))
    expected = np.full((1 + 2 * 6, 1 + 2 * 5, 3), 255, np.uint8)
    expected[1:4, 1:5] = (0, 0, 0)
    expected[1:6, 6:8] = (50, 0, 0)
    expected[7:12, 1:5] = (100, 0, 0)
    np.testing.assert_array_equal(page, expected)


def test_one_picture_needs_no_more_columns():
    assert contact_sheet([Image.new("RGB", (4, 3))], columns=9).size == (4 + 16, 3 + 16)
