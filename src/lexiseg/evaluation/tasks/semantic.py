"""Semantic segmentation: mIoU under both background rules, and presence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import ClassList, SemanticDataset, SemanticSample
from lexiseg.evaluation.asking import ask
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import ClassRow, Summary
from lexiseg.metrics import (
    ClassesAveraged,
    PresenceCounts,
    bootstrap_interval,
    confusion_matrix,
    count_presence,
    matthews,
)
from lexiseg.types import EncodedImage, Method, Result


def score_image(method: Method, sample: SemanticSample, dataset: SemanticDataset) -> Record:
    """Ask about one image and keep what every metric can be computed from.

    Returns:
        ``cells``: [true label, answered label, pixels] wherever there are pixels;
        ``presence``: the four counts of `lexiseg.metrics.PresenceCounts`.
    """
    return score_scene(method, method.encode(sample.image), sample, dataset.classes)


def score_scene(
    method: Method, scene: EncodedImage, sample: SemanticSample, classes: ClassList
) -> Record:
    """As `score_image`, for a scene that is encoded already."""
    return score_result(ask(method, scene, classes.vocabulary(sample.asked)), sample, classes)


def score_result(result: Result, sample: SemanticSample, classes: ClassList) -> Record:
    """The record of an answer; see `score_image`."""
    matrix = confusion_matrix(sample.truth, answered_labels(result, classes), len(classes))
    rows, columns = np.nonzero(matrix)
    cells = np.stack([rows, columns, matrix[rows, columns]], axis=1)
    asked = range(1, len(classes) + 1) if sample.asked is None else [k + 1 for k in sample.asked]
    kept = [classes.number[name] for name in result.presence.kept]
    presence = count_presence(asked, rows[rows > 0].tolist(), kept)
    return {"id": sample.id, "cells": cells.tolist(), "presence": list(presence.counts)}


def answered_labels(result: Result, classes: ClassList) -> NDArray[np.int64]:
    """The answer's semantic map with the numbers of the data set's classes."""
    semantic = result.semantic
    table = np.array([0, *(classes.number[name] for name in semantic.names)], dtype=np.int64)
    return table[semantic.ids]


def summarize(records: Sequence[Record], dataset: SemanticDataset, *, seed: int = 0) -> Summary:
    """Numbers over all images, with bootstrap intervals over images."""
    classes = dataset.classes
    scores: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, counted in (("miou_with_background", True), ("miou_without_background", False)):
        parts = parts_per_image(records, len(classes), count_background=counted)
        statistic = partial(mean_iou_of, parts=parts)
        scores[name] = float(statistic(np.ones((1, len(records))))[0])
        intervals[name] = bootstrap_interval(len(records), statistic, seed=seed)
    chosen = "miou_with_background" if dataset.counts_background else "miou_without_background"
    parts = parts_per_image(records, len(classes), count_background=dataset.counts_background)
    older = mean_iou_of(np.ones((1, len(records))), parts, over="shown-or-answered")
    scores = {
        "miou": scores[chosen],
        **scores,
        "miou_shown_or_answered": float(older[0]),
        **presence_scores(records),
    }
    intervals["miou"] = intervals[chosen]
    intervals["presence_mcc"] = presence_interval(records, seed)
    return Summary(scores, intervals, _class_rows(records, dataset))


def presence_scores(records: Sequence[Record]) -> dict[str, float]:
    """Correlation, precision and recall over all asked names of all images."""
    total = sum((PresenceCounts(*record["presence"]) for record in records), PresenceCounts())
    return {
        "presence_mcc": total.mcc,
        "presence_precision": total.precision,
        "presence_recall": total.recall,
    }


def presence_interval(records: Sequence[Record], seed: int) -> tuple[float, float]:
    """Of the correlation, over images."""
    counts = np.array([record["presence"] for record in records], dtype=np.float64)
    return bootstrap_interval(len(records), lambda w: matthews(w @ counts), seed=seed)


Parts = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def parts_per_image(records: Sequence[Record], classes: int, *, count_background: bool) -> Parts:
    """Intersection, union and true pixels, each (images, classes) float64."""
    rows = [
        _parts(np.array(r["cells"], dtype=np.int64), classes, count_background) for r in records
    ]
    intersection, union, true = np.stack(rows, axis=1)
    return intersection, union, true


def _parts(cells: NDArray[np.int64], classes: int, count_background: bool) -> NDArray[np.float64]:
    """(3, classes) of one image, straight from its few cells."""
    true, answered, pixels = cells.reshape(-1, 3).T
    if not count_background:
        kept = (true > 0) & (answered > 0)
        true, answered, pixels = true[kept] - 1, answered[kept] - 1, pixels[kept]
    size = classes + int(count_background)
    right = true == answered
    intersection = np.bincount(true[right], pixels[right], size)
    shown = np.bincount(true, pixels, size)
    union = shown + np.bincount(answered, pixels, size) - intersection
    return np.stack([intersection, union, shown])


def mean_iou_of(
    weights: NDArray[np.number], parts: Parts, over: ClassesAveraged = "shown"
) -> NDArray[np.float64]:
    """(D,) mean IoU for (D, images) weightings of the images; see `lexiseg.metrics.mean_iou`."""
    intersection, union, true = parts
    weights = weights.astype(np.float64)
    either, shown = weights @ union, weights @ true > 0
    ratio = (weights @ intersection) / np.maximum(either, 1)
    number = (shown if over == "shown" else either > 0).sum(axis=1)
    mean: NDArray[np.float64] = (ratio * shown).sum(axis=1) / np.maximum(number, 1)
    return np.where(shown.any(axis=1), mean, np.nan)


def _class_rows(records: Sequence[Record], dataset: SemanticDataset) -> tuple[ClassRow, ...]:
    classes = dataset.classes
    counted = dataset.counts_background
    parts = parts_per_image(records, len(classes), count_background=counted)
    intersection, union, true = (part.sum(axis=0) for part in parts)
    images = (parts[2] > 0).sum(axis=0)
    names = (("background", *classes.names), ("", *classes.prompts)) if counted else (
        classes.names, classes.prompts
    )  # fmt: skip
    return tuple(
        ClassRow(
            name=name,
            prompt=prompt,
            iou=float(intersection[k] / union[k]) if true[k] else None,
            images=int(images[k]),
            pixels=int(true[k]),
        )
        for k, (name, prompt) in enumerate(zip(*names, strict=True))
    )
