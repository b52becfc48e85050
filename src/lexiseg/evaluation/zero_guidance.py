"""Segments that name themselves, moved onto a data set's classes by what CLIP sees (ST) or by
what their labels mean (TT).

Rewatbowornwong et al. (ICCV 2023), section 4.1. A record keeps pixels and cosines, so that every
threshold can be tried afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from lexiseg.datasets.class_list import ClassList
from lexiseg.datasets.sample import IGNORE, Dataset, SemanticSample
from lexiseg.errors import UsageError
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.semantic import mean_iou_of
from lexiseg.evaluation.summary import ClassRow, Summary
from lexiseg.evaluation.zero_guidance_judging import Judging, only
from lexiseg.evaluation.zero_guidance_meaning import nearest
from lexiseg.methods.zero_guidance import ZeroGuidance
from lexiseg.methods.zero_guidance.embeddings import build_embedder, nearest_index
from lexiseg.methods.zero_guidance.pipeline import Scene, label_scene
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.metrics import bootstrap_interval
from lexiseg.metrics.renamed_segments import (
    FOUND,
    ClassOverlaps,
    Crossing,
    cross,
    crossing_overlaps,
    image_iou,
    reassign,
    text_quality,
)
from lexiseg.ops.stopwatch import Stopwatch

MIN_CLIP = 0.1  # least cosine of a segment and a class name, of the paper
MIN_TEXT = 0.5  # least cosine of a label and a class name, of the paper
TERMS: Mapping[str, Any] = {
    "task": "segments that name themselves",
    "background": "left out; pixels without a class count against whoever claims them, except void",
    "asked": (
        "nothing; each segment is moved to the class whose name CLIP finds nearest (ST), in the "
        f"sentence 'template' of the settings, from cosine {MIN_CLIP} on"
    ),
}
"""What a protocol says of this task."""

FloatArray = NDArray[np.float64]


def terms_of(judging: Judging) -> Mapping[str, Any]:
    """What a protocol says of this task under other choices of the judge."""
    if judging == Judging():
        return TERMS
    return {**TERMS, "asked": f"{TERMS['asked']}; judged with {judging.changes}"}


def score_image(
    method: ZeroGuidance,
    sample: SemanticSample,
    dataset: Dataset[SemanticSample],
    judging: Judging | None = None,
) -> Record:
    """Label one image and keep what every metric can be computed from; see `score_scene`."""
    return score_scene(method, method.encode(sample.image), sample, dataset, judging)


@torch.inference_mode()
def score_scene(
    method: ZeroGuidance,
    scene: Scene,
    sample: SemanticSample,
    dataset: Dataset[SemanticSample],
    judging: Judging | None = None,
) -> Record:
    """As `score_image`, for a scene that is encoded already.

    Returns:
        ``said``: label of every segment; ``cells``: [segment, true class, pixels] wherever there
        are pixels; ``st``: [nearest class, cosine] of every segment; ``told``: [class, label
        given to its true region]; where only classes of the picture are candidates, ``among``:
        those classes.
    """
    judging = judging or Judging()
    nodes = label_scene(scene, method, Stopwatch(method.clip.device)).nodes
    owner = np.zeros(len(scene.segments), dtype=np.int64)
    for number, node in enumerate(nodes):
        owner[list(node.leaves)] = number
    truth = truth_of(sample, dataset)
    cells = to_cells(cross(truth, owner[scene.segments.labels], len(nodes)))
    if judging.ignore_unlabelled:
        cells = [cell for cell in cells if cell[1]]
    images = F.normalize(torch.stack([node.image for node in nodes]), dim=-1)
    cosines = images @ judging.features(method, _classes(dataset)).T
    among = {}
    if judging.candidates == "present":
        present = [int(number) for number in np.unique(truth) if number not in (0, IGNORE)]
        among["among"] = present
        cosines = only(cosines, present)
    return {
        "id": sample.id,
        "said": [node.description.text for node in nodes],
        "cells": cells,
        "st": nearest(cosines),
        "told": name_truth(method, scene, truth),
        **among,
    }


def name_truth(
    method: ZeroGuidance, scene: Scene, truth: NDArray[np.uint16]
) -> list[tuple[int, str]]:
    """What the method calls each true region, so that words can be judged without segments."""
    rows, columns = nearest_index(truth.shape, scene.segments.labels.shape)
    small = truth[rows][:, columns]
    present = [int(value) for value in np.unique(small) if value not in (0, IGNORE)]
    labels = np.full(small.shape, -1, dtype=np.int16)
    for label, number in enumerate(present):
        labels[small == number] = label
    segments = Segments(labels, tuple(range(len(present))))
    embedder = build_embedder(method.clip, scene.image, segments, method.config)
    embeddings = embedder.embed([(label,) for label in range(len(present))])
    said = method.captioner.describe(embeddings)
    return [(number, entry.text) for number, entry in zip(present, said, strict=True)]


def truth_of(sample: SemanticSample, dataset: Dataset[SemanticSample]) -> NDArray[np.uint16]:
    """The label map; in PASCAL Context nothing is void, other pixels just have no class."""
    if has_void(dataset):
        return sample.truth
    return np.where(sample.truth == IGNORE, 0, sample.truth).astype(np.uint16)


def has_void(dataset: Dataset[SemanticSample]) -> bool:
    """Whether the truth has pixels that no metric counts."""
    return not dataset.name.startswith(("context", "pc459"))


def to_cells(crossing: Crossing) -> list[list[int]]:
    """[segment, true label, pixels] of shared pixels."""
    rows, columns = np.nonzero(crossing.counts)
    cells = np.stack([rows, crossing.values[columns], crossing.counts[rows, columns]], axis=1)
    listed: list[list[int]] = cells.tolist()
    return listed


def to_crossing(record: Record) -> Crossing:
    """The inverse of `to_cells`."""
    rows, labels, pixels = np.array(record["cells"], dtype=np.int64).reshape(-1, 3).T
    values, columns = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(record["said"]), len(values)), dtype=np.int64)
    counts[rows, columns] = pixels
    return Crossing(values, counts)


def renamed(record: Record, key: str, threshold: float) -> NDArray[np.int64]:
    """(S,) class of every segment from ``st`` or ``tt``, 0 = below the threshold."""
    pairs = np.array(record[key], dtype=np.float64).reshape(-1, 2)
    return np.where(reassign(pairs[:, 1:], threshold) > 0, pairs[:, 0], 0).astype(np.int64)


Ratio = tuple[FloatArray, FloatArray]  # numerator and denominator of each picture


@dataclass(frozen=True)
class Numbers:
    """Scores of relabelled pictures, each a function of how often a picture is drawn.

    Args:
        pictures: overlaps of each.
        classes: C, of the data set.
    """

    pictures: Sequence[ClassOverlaps]
    classes: int

    @cached_property
    def ratios(self) -> dict[str, Ratio]:
        """Name -> numerators and denominators whose sums are divided."""
        true = [o.iou[o.true] > FOUND for o in self.pictures]
        return {
            "iou": _means([image_iou(o) for o in self.pictures]),
            "iou_true_classes": _means(
                [image_iou(o, true_classes_only=True) for o in self.pictures]
            ),
            "recall": (
                np.array([found.sum() for found in true], dtype=np.float64),
                np.array([len(found) for found in true], dtype=np.float64),
            ),
            "recall_per_image": _means([_mean(found) for found in true]),
            "recall_released": _means([_mean((o.best >= FOUND) & o.true) for o in self.pictures]),
        }

    def statistic(self, name: str) -> Callable[[NDArray[Any]], FloatArray]:
        """Function of (D, pictures) weights to (D,) values."""
        if name == "miou":
            return lambda weights: mean_iou_of(weights, self._parts)
        return partial(divide, self.ratios[name])

    def value(self, name: str) -> float:
        """In [0, 1]; NaN where nothing is counted."""
        return float(self.statistic(name)(np.ones((1, len(self.pictures))))[0])

    def interval(self, name: str, seed: int = 0) -> tuple[float, float]:
        """Its 95 % interval over pictures."""
        return bootstrap_interval(len(self.pictures), self.statistic(name), seed=seed)

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of each picture and class: intersection, union, and the union as what occurs."""
        intersection, union = np.zeros((2, len(self.pictures), self.classes + 1))
        for row, overlaps in enumerate(self.pictures):
            intersection[row, overlaps.classes] = overlaps.intersection
            union[row, overlaps.classes] = overlaps.known_union
        return intersection, union, union


def divide(ratio: Ratio, weights: NDArray[Any]) -> FloatArray:
    """(D,) sums of numerators over sums of denominators, for (D, pictures) weights."""
    above, below = (weights @ part for part in ratio)
    quotient: FloatArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return quotient


NAMES = ("iou", "miou", "recall", "recall_released", "recall_per_image", "iou_true_classes")


def numbers_of(
    records: Sequence[Record],
    dataset: Dataset[SemanticSample],
    key: str = "st",
    threshold: float = MIN_CLIP,
) -> Numbers:
    """Scores under one way of relabelling.

    Args:
        records: of `score_image`.
        dataset: they are of.
        key: "st" or "tt".
        threshold: least cosine that is believed.
    """
    void = has_void(dataset)
    pictures = [
        crossing_overlaps(to_crossing(record), renamed(record, key, threshold), void=void)
        for record in records
    ]
    return Numbers(pictures, len(_classes(dataset)))


def summarize(
    records: Sequence[Record], dataset: Dataset[SemanticSample], *, seed: int = 0
) -> Summary:
    """Numbers over all images, with bootstrap intervals over images.

    Args:
        records: of `score_image`; after `by_meaning` there are also the scores that begin with
            ``tt`` and the quality of text.
        dataset: they are of.
        seed: of the bootstrap.
    """
    st = numbers_of(records, dataset)
    numbers = {"st": st}
    quality = {}
    if "tt" in records[0]:
        numbers["tt"] = numbers_of(records, dataset, "tt", MIN_TEXT)
        cosines = [np.array(record["told_cosine"], dtype=np.float64) for record in records]
        quality = {
            "text_quality": text_quality(cosines),
            "text_quality_released": text_quality(cosines, released=True),
        }
    scores = {f"{key}_{name}": n.value(name) for key, n in numbers.items() for name in NAMES}
    intervals = {
        f"{key}_{name}": n.interval(name, seed) for key, n in numbers.items() for name in NAMES
    }
    return Summary(scores | quality, intervals, _class_rows(st, records, _classes(dataset)))


def _class_rows(
    numbers: Numbers, records: Sequence[Record], classes: ClassList
) -> tuple[ClassRow, ...]:
    """IoU of each class over all images, and how much of it there is."""
    intersection, union, _ = (part.sum(axis=0) for part in numbers._parts)
    images, pixels = np.zeros((2, len(classes) + 1), dtype=np.int64)
    for record in records:
        crossing = to_crossing(record)
        shown = (crossing.values > 0) & (crossing.values <= len(classes))
        images[crossing.values[shown]] += 1
        pixels[crossing.values[shown]] += crossing.counts.sum(axis=0)[shown]
    return tuple(
        ClassRow(
            name, prompt, float(intersection[k] / union[k]) if pixels[k] else None,
            int(images[k]), int(pixels[k]),
        )
        for k, (name, prompt) in enumerate(zip(classes.names, classes.prompts, strict=True), 1)
    )  # fmt: skip


def _means(values: Sequence[float]) -> Ratio:
    """A mean over pictures as a ratio; a picture without a value counts neither way."""
    array = np.array(values, dtype=np.float64)
    return np.nan_to_num(array), np.isfinite(array).astype(np.float64)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _classes(dataset: Dataset[SemanticSample]) -> ClassList:
    if dataset.classes is None:
        raise UsageError(f"Data set {dataset.name!r} has no class list to compare names with.")
    return dataset.classes
