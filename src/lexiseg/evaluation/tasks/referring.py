"""Referring segmentation under both protocols in use.

CaR scores one mask per object, made from all its sentences together; most other work scores one
mask per sentence. The two are not comparable, so both are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import ReferringDataset, ReferringSample
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import Summary
from lexiseg.metrics import (
    bootstrap_interval,
    cumulative_overlap,
    mean_overlap,
    overlap,
    overlap_precision,
)
from lexiseg.types import EncodedImage, Instances, Method, Result

_PROTOCOLS = ("object", "sentence")
_PRECISIONS = (50, 60, 70, 80, 90)  # least IoU in percent


def score_image(method: Method, sample: ReferringSample, dataset: ReferringDataset) -> Record:
    """Ask for every object of one image.

    Returns:
        ``object`` and ``sentence``: lists of [intersection, union] in pixels.
    """
    scene = method.encode(sample.image)
    return score_scene(method, scene, sample)


def score_scene(method: Method, scene: EncodedImage, sample: ReferringSample) -> Record:
    """As `score_image`, for a scene that is encoded already."""
    sentences = [clean_sentence(text) for target in sample.targets for text in target.sentences]
    alone = answers(method, scene, sentences)
    record: Record = {"id": sample.id, "object": [], "sentence": []}
    for target in sample.targets:
        truth = target.mask.to_array()
        own = [clean_sentence(text) for text in target.sentences]
        singles = [overlap(truth, alone[text]) for text in own]
        different = list(dict.fromkeys(own))
        together = (
            overlap(truth, united(method.refer(scene, different, protocol="ensemble")))
            if len(different) > 1
            else singles[0]
        )
        record["sentence"] += [list(pair) for pair in singles]
        record["object"].append(list(together))
    return record


def answers(
    method: Method, scene: EncodedImage, sentences: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    """The (H, W) mask of each sentence asked on its own; all false where nothing was found."""
    if not sentences:
        return {}
    result = method.refer(scene, list(dict.fromkeys(sentences)))
    return {text: _union(result, result.instances[text]) for text in sentences}


def united(result: Result) -> NDArray[np.bool_]:
    """All regions of an answer as one (H, W) mask."""
    return _union(result, result.instances)


def _union(result: Result, instances: Instances) -> NDArray[np.bool_]:
    mask = np.zeros(result.size_hw, dtype=bool)
    for item in instances:
        mask |= item.mask.to_array()
    return mask


def clean_sentence(sentence: str) -> str:
    """Lower case, without double quotes and slashes as in CaR's evaluation, single blanks.

    Example:
        >>> clean_sentence('The "Red"  car/truck')
        'the red cartruck'
    """
    return " ".join(sentence.lower().replace('"', "").replace("/", "").replace("_", " ").split())


def summarize(records: Sequence[Record], dataset: ReferringDataset, *, seed: int = 0) -> Summary:
    """mIoU, cIoU and precision per object and per sentence, with bootstrap intervals."""
    scores: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for key in _PROTOCOLS:
        pairs = [(both, either) for record in records for both, either in record[key]]
        scores[f"{key}_miou"] = mean_overlap(pairs)
        scores[f"{key}_ciou"] = cumulative_overlap(pairs)
        for percent in _PRECISIONS:
            scores[f"{key}_precision_{percent}"] = overlap_precision(pairs, percent / 100)
        intervals[f"{key}_miou"] = _interval([mean_parts(record[key]) for record in records], seed)
    return Summary(scores, intervals)


def mean_parts(pairs: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Sum of IoUs and their number."""
    if not pairs:
        return 0.0, 0
    return mean_overlap([(both, either) for both, either in pairs]) * len(pairs), len(pairs)


def _interval(parts: Sequence[tuple[float, int]], seed: int) -> tuple[float, float]:
    table = np.array(parts, dtype=np.float64).reshape(-1, 2)

    def mean(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        total, number = (weights @ table).T
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    return bootstrap_interval(len(table), mean, seed=seed)
