"""The balance is chosen on validation alone."""

from __future__ import annotations

import pytest

from lexiseg.analysis.oracles.helps import BIAS
from lexiseg.replication.oracles.calibration import Calibration, all_balances, run_of
from lexiseg.replication.oracles.numbers import RowNumbers
from lexiseg.replication.oracles.rows import FC_CLIP, VALIDATION
from lexiseg.replication.oracles.worker import OVERLAP
from tests.replication.oracles.conftest import GOOD, GOOD_BIAS


def test_the_best_of_validation_is_measured_on_the_test(numbers) -> None:
    found = Calibration(numbers[VALIDATION], numbers[FC_CLIP])
    assert found.bias == (GOOD_BIAS, OVERLAP)
    assert found.balance == found.best_here == GOOD
    assert found.share == pytest.approx(1.0)
    assert found.gain(run_of(GOOD)).value == pytest.approx(found.gap.value)
    assert 0 < found.gain(BIAS.format(GOOD_BIAS)).value < found.gap.value


def test_what_is_best_on_the_test_is_not_looked_at(numbers) -> None:
    flat = [
        {**record, "runs": {name: [[0, 0.3, 1, 0, 0]] for name in record["runs"]}}
        for record in numbers[VALIDATION].records
    ]
    found = Calibration(RowNumbers(flat, numbers[VALIDATION].classes), numbers[FC_CLIP])
    assert found.balance == (0, OVERLAP) and found.share == 0
    assert found.best_here == GOOD


def test_every_balance_has_an_answer_of_its_own() -> None:
    runs = [run_of(balance) for balance in all_balances()]
    assert len(set(runs)) == len(runs) and "baseline" in runs
