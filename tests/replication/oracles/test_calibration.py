"""The bias is chosen on validation alone."""

from __future__ import annotations

import pytest

from lexiseg.analysis.oracles.helps import BIAS
from lexiseg.replication.oracles.calibration import Calibration
from lexiseg.replication.oracles.numbers import RowNumbers
from lexiseg.replication.oracles.rows import FC_CLIP, VALIDATION
from tests.replication.oracles.conftest import GOOD_BIAS


def test_the_best_of_validation_is_measured_on_the_test(numbers) -> None:
    found = Calibration(numbers[VALIDATION], numbers[FC_CLIP])
    assert found.bias == found.best_here == GOOD_BIAS
    assert found.share == pytest.approx(1.0)
    assert found.gain(BIAS.format(GOOD_BIAS)).value == pytest.approx(found.gap.value)


def test_what_is_best_on_the_test_is_not_looked_at(numbers) -> None:
    flat = [
        {**record, "runs": {name: [[0, 0.3, 1, 0, 0]] for name in record["runs"]}}
        for record in numbers[VALIDATION].records
    ]
    found = Calibration(RowNumbers(flat, numbers[VALIDATION].classes), numbers[FC_CLIP])
    assert found.bias == 0 and found.share == 0
    assert found.best_here == GOOD_BIAS
