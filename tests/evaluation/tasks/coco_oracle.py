"""Noisy answers to known objects, and what the COCO tools say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

STATS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar100_small", "ar100_medium", "ar100_large"),
)


def jitter(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifted, and perhaps grown, shrunk or cut."""
    reach = max(1, round(0.08 * np.sqrt(mask.sum())))
    moved = np.roll(mask, rng.integers(-reach, reach + 1, 2), axis=(0, 1))
    kind = rng.integers(4)
    if kind == 1:
        return ndimage.binary_dilation(moved, iterations=int(rng.integers(1, 3)))
    if kind == 2:
        return ndimage.binary_erosion(moved)
    if kind == 3:
        moved = moved.copy()
        moved[:, : int(np.flatnonzero(moved.any(axis=0))[0] + 2) if moved.any() else 1] = False
    return moved


def noisy_result(
    sample: Any, names: Sequence[str], size_hw: tuple[int, int], seed: int, wrong: float = 0.15
) -> Result:
    """Most objects about right, some twice, some (`wrong`) of another class, some nowhere.

    Scores are coarse, so that many are equal.
    """
    rng = np.random.default_rng([seed, sample.number])
    items = []
    for thing in sample.objects:
        for _ in range(int(rng.choice([0, 1, 1, 2]))):
            label = thing.class_index if rng.random() >= wrong else int(rng.integers(len(names)))
            mask = Mask.from_array(jitter(thing.mask.to_array(), rng))
            items.append(Instance(names[label], float(rng.integers(1, 10)) / 10, mask))
    if rng.random() < 0.3:
        blob = np.zeros(size_hw, dtype=bool)
        blob[: size_hw[0] // 3, : size_hw[1] // 4] = True
        items.append(Instance(names[int(rng.integers(len(names)))], 0.5, Mask.from_array(blob)))
    kept = {item.label for item in items}
    verdicts = [Presence(name, 1.0, name in kept, "") for name in names]
    return Result(
        size_hw, tuple(names), Instances(tuple(items), size_hw), PresenceTrace(verdicts),
        Recipe("noisy", "test"),
    )  # fmt: skip


def tool_stats(
    evaluator: Any, coco: Any, tables: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> np.ndarray:
    """The twelve numbers of a COCO evaluation tool; -1 where nothing is counted."""
    truth = coco()
    truth.dataset = dict(tables)
    truth.createIndex()
    found = truth.loadRes(list(results)) if results else coco()
    judge = evaluator(truth, found, "segm")
    judge.params.imgIds = sorted(row["id"] for row in tables["images"])
    judge.params.catIds = sorted(row["id"] for row in tables["categories"])
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return np.asarray(judge.stats[:12], dtype=np.float64)
