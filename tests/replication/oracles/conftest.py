"""Records of two scenes, made by hand, in which every help is worth something."""

from __future__ import annotations

from typing import Any

import pytest

from lexiseg.analysis.oracles.helps import (
    BASELINE,
    BIAS,
    CANDIDATE_NAMES,
    NAMES,
    NO_VOID,
    SELECTION,
    WITH_BOTH,
    WITH_MASKS,
    WITH_NAMES,
    WITH_VOID,
)
from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.replication.oracles.numbers import RowNumbers
from lexiseg.replication.oracles.rows import Row, all_rows
from lexiseg.replication.oracles.worker import BALANCE, BIASES, OVERLAPS, TRIED, classes_of

HEIGHTS = {
    BASELINE: 0.3, NAMES: 0.5, WITH_VOID: 0.2, SELECTION: 0.4, WITH_MASKS: 0.6, WITH_NAMES: 0.7,
    WITH_BOTH: 1.0, NO_VOID: 0.35, CANDIDATE_NAMES: 0.45,
}  # fmt: skip
GOOD_BIAS = -2.0
GOOD = (-1.0, 0.6)  # bias and overlap


def counts(height: float, classes: MiniworldSegments) -> list[list[float]]:
    """A seen and an unseen class, each found as well as `height` says."""
    number = classes.classes.number
    return [
        [number["sky"] - 1, height, 1, 0, 0],
        [number["leopard"] - 1, height / 2, 1, 0, 0],
    ]  # fmt: skip


def record(row: Row, scene: int, dataset: MiniworldSegments) -> dict[str, Any]:
    """What a row found in a scene."""
    scale = 0.9 + 0.1 * scene
    heights = dict(HEIGHTS) if row.oracles else {BASELINE: 0.3 + row.side / 1000, NAMES: 0.5}
    if row.lesson is not None:
        heights[BASELINE] = 0.1 + 0.02 * len(str(row.lesson.pictures)) + 0.05 * row.ensemble
    if row.balances:
        runs = (0.0, *BIASES)
        heights |= {BIAS.format(b): 0.35 if b == GOOD_BIAS else 0.3 for b in runs}
        heights |= {BALANCE.format(b, o): 0.31 for o in OVERLAPS for b in TRIED}
        heights[BALANCE.format(*GOOD)] = 0.4
    leopard, street = (dataset.classes.number[name] - 1 for name in ("leopard", "street"))
    return {
        "id": str(scene),
        "true": [[leopard, 900.0, 5, street, 0.2, -1]] * 3,
        "found": [[street, 0]],
        "confused": [],
        "runs": {name: counts(scale * height, dataset) for name, height in heights.items()},
        "candidates": 2,
    }


@pytest.fixture(scope="session")
def dataset() -> MiniworldSegments:
    return MiniworldSegments(Miniworld("test", 96, 1, (2, 6), 0.2), 2, policy="B")


@pytest.fixture(scope="session")
def numbers(dataset: MiniworldSegments) -> dict[Row, RowNumbers]:
    return {
        row: RowNumbers([record(row, scene, dataset) for scene in (0, 1)], classes_of(dataset))
        for row in all_rows()
    }
