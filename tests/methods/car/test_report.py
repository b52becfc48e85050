"""Why a name stays or falls, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lexiseg.methods.car.config import PAPER, RELEASED, CarConfig
from lexiseg.methods.car.recurrence import Step, Trace
from lexiseg.methods.car.report import Findings

CONFIG = CarConfig(theta=0.5)
TRACE = Trace(
    (
        Step((0, 1, 2), (0.9, 0.25, 0.5), (0, 2)),
        Step((0, 2), (0.875, 0.125), (0,)),
    ),
    (0,),
    (0.875,),
    torch.zeros(1, 4),
)


def findings(config=CONFIG, trace=TRACE):
    found = Findings(("sky", "dog", "cat", "fox", "far"))
    found.leave_out({4: "too far"})
    found.leave_out({0: "not asked in this run"})
    found.add_trace(trace, (1, 2, 3), config)
    return found


def test_each_name_has_the_verdict_of_its_last_step():
    verdicts = findings().answer().presence
    assert [entry.name for entry in verdicts] == ["sky", "dog", "cat", "fox", "far"]
    assert [entry.kept for entry in verdicts] == [False, True, False, False, False]
    assert [entry.score for entry in verdicts] == [0.0, 0.875, 0.25, 0.125, 0.0]
    assert [entry.step for entry in verdicts] == [None, 2, 1, 2, None]
    assert verdicts[1].reason == "kept after 2 steps"
    assert verdicts[2].reason.startswith("removed in step 1: score 0.25")
    assert verdicts[3].reason.startswith("removed in step 2: score 0.12")
    assert (verdicts[4].reason, verdicts[0].reason) == ("too far", "not asked in this run")


@pytest.mark.parametrize(
    ("procedure", "score", "reason"),
    [
        (PAPER, 0.5, "kept after 1 step"),
        (RELEASED, 0.5, "kept as the best although its score"),
        (PAPER, 0.25, "kept as the best although its score"),
        (RELEASED, 0.75, "kept after 1 step"),
    ],
)
def test_who_is_kept_though_too_low_is_told(procedure, score, reason):
    trace = Trace((Step((0,), (score,), (0,)),), (0,), (score,), torch.zeros(1, 4))
    found = Findings(("dog",))
    found.add_trace(trace, (0,), replace(CONFIG, procedure=procedure))
    assert found.answer().presence[0].reason.startswith(reason)
    assert found.answer().presence[0].kept


def test_regions_are_in_the_order_asked_and_none_is_empty():
    found = findings()
    found.add_trace(
        Trace((Step((0,), (0.75,), (0,)),), (0,), (0.75,), torch.zeros(1, 4)), (0,), CONFIG
    )
    found.add_mask(1, np.eye(3, dtype=bool), True)
    found.add_mask(0, np.ones((3, 3), bool), False)
    sky, dog = found.answer().instances
    assert (sky.label, sky.score, sky.is_thing, sky.mask.area) == ("sky", 0.75, False, 9)
    assert (dog.label, dog.score, dog.is_thing, dog.mask.area) == ("dog", 0.875, True, 3)
    swallowed = findings()
    swallowed.add_mask(1, np.zeros((3, 3), bool), True)
    verdict = swallowed.answer().presence[1]
    assert not swallowed.answer().instances and not verdict.kept
    assert (verdict.score, verdict.step) == (0.875, 2) and "no pixel left" in verdict.reason
