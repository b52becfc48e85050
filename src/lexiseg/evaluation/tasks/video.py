"""Referring segmentation in video: frame by frame, scored with J and F of DAVIS 2017.

The CaR paper reports such numbers without a procedure; every frame on its own, without a
temporal model, is our reading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import IGNORE, VideoDataset, VideoSample
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import Summary
from lexiseg.evaluation.tasks.referring import answers, clean_sentence
from lexiseg.metrics import VideoScore, bootstrap_interval
from lexiseg.types import Method

_NUMBERS = ("j", "f", "jf", "j_recall", "f_recall")


def score_clip(method: Method, sample: VideoSample, dataset: VideoDataset) -> Record:
    """Follow every sentence through one clip; only one frame is held at a time.

    Returns:
        ``expressions``: per sentence the object, the annotator and `VideoScore.compute`.
    """
    scores = [VideoScore() for _ in sample.expressions]
    sentences = [clean_sentence(expression.sentence) for expression in sample.expressions]
    for frame, truth in zip(sample.frames, sample.truth, strict=True):
        scene = method.encode(frame)
        void = truth == IGNORE
        found = answers(method, scene, sentences)
        for expression, text, score in zip(sample.expressions, sentences, scores, strict=True):
            score.update(truth == expression.object_id, found[text], void)
    rows = [
        {"object": expression.object_id, "annotator": expression.annotator, **score.compute()}
        for expression, score in zip(sample.expressions, scores, strict=True)
    ]
    return {"id": sample.id, "expressions": rows}


def summarize(records: Sequence[Record], dataset: VideoDataset, *, seed: int = 0) -> Summary:
    """Means over objects and annotators; the interval is over clips."""
    rows = [row for record in records for row in record["expressions"]]
    scores = {key: float(np.mean([row[key] for row in rows])) for key in _NUMBERS}
    sums = np.array(
        [[sum(row["jf"] for row in r["expressions"]), len(r["expressions"])] for r in records]
    )

    def mean(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        total, number = (weights @ sums).T
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    return Summary(scores, {"jf": bootstrap_interval(len(records), mean, seed=seed)})
