from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.metrics import PresenceCounts, count_presence, matthews

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30)


@settings(max_examples=80, deadline=None)
@given(answers)
def test_mcc_is_the_correlation_of_truth_and_answer(rows: list[tuple[bool, bool]]) -> None:
    present = {i for i, (truth, _) in enumerate(rows) if truth}
    kept = {i for i, (_, answer) in enumerate(rows) if answer}
    counts = count_presence(range(len(rows)), present, kept)
    table = np.array(rows, dtype=float)
    if table.std(axis=0).all():
        assert counts.mcc == pytest.approx(np.corrcoef(table.T)[0, 1])
    else:
        assert counts.mcc == 0.0


def test_counts_add_up_to_what_was_asked_and_ignore_the_rest() -> None:
    counts = count_presence({1, 2, 3, 4}, {1, 2, 99}, {2, 3, 77})
    assert counts == PresenceCounts(both=1, only_kept=1, only_present=1, neither=1)


def test_precision_recall_and_sums() -> None:
    total = PresenceCounts(3, 1, 0, 6) + PresenceCounts(0, 0, 2, 8)
    assert total == PresenceCounts(3, 1, 2, 14)
    assert (total.precision, total.recall) == (3 / 4, 3 / 5)
    assert np.isnan(PresenceCounts(0, 0, 0, 5).precision)


def test_each_count_is_summed_with_its_own_kind() -> None:
    total = PresenceCounts(1, 2, 4, 8) + PresenceCounts(16, 32, 64, 128)
    assert total.counts == (17, 34, 68, 136)
    assert (total.overlap, PresenceCounts(0, 0, 0, 3).overlap) == (17 / 119, 1.0)
    assert np.isnan(PresenceCounts(0, 3, 0, 5).recall) and PresenceCounts(0, 3, 0, 5).precision == 0


def test_matthews_takes_many_tables_at_once() -> None:
    tables = np.array([[3, 1, 2, 14], [0, 0, 0, 5]])
    assert matthews(tables) == pytest.approx([PresenceCounts(*row).mcc for row in tables])
