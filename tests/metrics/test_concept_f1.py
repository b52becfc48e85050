"""SAM 3's concept F1 by hand on masks of a few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from lexiseg.metrics import concept_f1, positive_counts, positive_f1
from lexiseg.types import Mask


@dataclass(frozen=True)
class Thing:
    class_index: int
    mask: Mask
    area: float = 1.0
    crowd: bool = False


def strip(start: int, stop: int) -> Mask:
    pixels = np.zeros((1, 20), dtype=bool)
    pixels[0, start:stop] = True
    return Mask.from_array(pixels)


def test_counts_of_every_threshold() -> None:
    truths = [Thing(0, strip(0, 10)), Thing(0, strip(10, 20)), Thing(1, strip(0, 4))]
    found = [(0, 0.9, strip(0, 7)), (0, 0.8, strip(0, 10)), (2, 0.9, strip(0, 20))]
    counts = positive_counts(found, truths, asked=(0, 1, 2))
    assert counts[0].tolist() == [1, 1, 2]  # the whole strip pairs best; name 1 is missed
    assert counts[-1].tolist() == [1, 1, 2]
    assert positive_counts(found, truths, asked=(1,)).tolist() == [[0, 0, 1]] * 10


def test_absent_names_and_crowds_are_left_out() -> None:
    crowd = [Thing(3, strip(0, 10), crowd=True)]
    assert not positive_counts([(3, 0.9, strip(0, 9))], crowd, asked=(3, 4)).any()
    assert not positive_counts([(4, 0.9, strip(0, 9))], crowd, asked=(3, 4)).any()


def test_answers_of_poor_fit_count_at_low_thresholds_only() -> None:
    counts = positive_counts([(0, 0.9, strip(0, 7))], [Thing(0, strip(0, 10))], asked=(0,))
    assert counts[:, 0].tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]  # IoU 0.7
    assert positive_f1(counts) == pytest.approx(0.5)


def test_the_product_needs_both() -> None:
    perfect = np.tile([5, 0, 0], (10, 1))
    assert concept_f1(perfect, np.array([5, 0, 0, 5])) == 1.0
    assert concept_f1(perfect, np.array([5, 5, 0, 0])) == 0.0  # nothing was refused
    assert np.isnan(positive_f1(np.zeros((10, 3))))
