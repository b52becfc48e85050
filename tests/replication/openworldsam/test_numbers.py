"""Numbers of rows whose answers are made from the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lexiseg.replication.openworldsam.numbers import Finding, gain
from lexiseg.replication.openworldsam.worker import judge, semantic_truth


def finding(scenes: Any, like_truth: Any, half: bool = False, **how: Any) -> Finding:
    asked = replace(scenes, half_absent=half)
    samples = list(asked)
    records = [judge(like_truth(sample, scenes, **how), sample, scenes) for sample in samples]
    return Finding(records, samples, scenes)


def test_the_truth_is_a_perfect_answer(scenes: Any, like_truth: Any) -> None:
    perfect = finding(scenes, like_truth, half=True, believed=False)
    for name in ("pq", "ap", "miou", "mcc", "f1", "cgf1", "refused"):
        assert perfect.value(name) == pytest.approx(1), name


def test_what_is_lost_costs_and_the_difference_is_paired(scenes: Any, like_truth: Any) -> None:
    perfect, worse = (finding(scenes, like_truth, lost=lost) for lost in (0, 24))
    for name in ("pq", "miou", "f1"):
        value, low, high = gain(perfect, worse, name)
        assert value == pytest.approx(100 * (perfect.value(name) - worse.value(name)))
        assert value > 0
        assert 0 <= low <= high <= 100


def test_rows_of_fewer_scenes_are_compared_on_those(scenes: Any, like_truth: Any) -> None:
    perfect, worse = (finding(scenes, like_truth, lost=lost) for lost in (0, 24))
    value, *_ = gain(perfect, worse.first(1), "pq")
    assert value == pytest.approx(100 * (1 - worse.first(1).value("pq")))


def test_belief_in_absent_names_costs_the_correlation_only(scenes: Any, like_truth: Any) -> None:
    gullible = finding(scenes, like_truth, half=True, believed=True)
    assert gullible.value("mcc") == gullible.value("cgf1") == gullible.value("refused") == 0
    assert gullible.value("pq") == gullible.value("f1") == pytest.approx(1)
    limit, best = gullible.best_threshold()  # scores are 0.9 and 0.2
    assert (limit, best) == (0.9, 1.0)


def test_overlaps_of_sentences_are_summed_over_all_scenes(scenes: Any) -> None:
    records = [{"id": "a", "overlap": [[1, 4], [3, 4]]}, {"id": "b", "overlap": []}]
    found = Finding(records, list(scenes)[:2], scenes)
    assert found.value("ciou") == 0.5
    assert np.isnan(Finding(records[1:], list(scenes)[:1], scenes).value("ciou"))


def test_semantic_truth_ignores_void(scenes: Any) -> None:
    sample = scenes[0]
    truth = semantic_truth(sample)
    class_of = {item.id: item.class_index + 1 for item in sample.segments}
    expected = [class_of.get(int(number), 65535) for number in sample.ids.ravel()]
    assert truth.ravel().tolist() == expected
