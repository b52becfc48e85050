"""Segments that name themselves, moved onto a data set's classes by what CLIP sees (ST) or by
what their labels mean (TT).

Rewatbowornwong et al. (ICCV 2023), section 4.1. A record keeps pixels and cosines, so that every
threshold can be tried afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from lexiseg.datasets import IGNORE, ClassList, SemanticDataset, SemanticSample
from lexiseg.evaluation.protocol import TaskTerms
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import ClassRow, Summary
from lexiseg.evaluation.tasks.self_named.judging import Judging, only
from lexiseg.evaluation.tasks.self_named.meaning import nearest
from lexiseg.evaluation.tasks.self_named.numbers import NAMES, Numbers
from lexiseg.methods.zero_guidance import ZeroGuidance
from lexiseg.methods.zero_guidance.embeddings import build_embedder, nearest_index
from lexiseg.methods.zero_guidance.pipeline import Scene, label_scene
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.metrics.renamed_segments import (
    Crossing,
    cross,
    crossing_overlaps,
    reassign,
    text_quality,
)
from lexiseg.ops.stopwatch import Stopwatch

MIN_CLIP = 0.1  # least cosine of a segment and a class name, of the paper
MIN_TEXT = 0.5  # least cosine of a label and a class name, of the paper
TERMS: TaskTerms = {
    "task": "segments that name themselves",
    "background": "left out; pixels without a class count against whoever claims them, except void",
    "asked": (
        "nothing; each segment is moved to the class whose name CLIP finds nearest (ST), in the "
        f"sentence 'template' of the settings, from cosine {MIN_CLIP} on"
    ),
}
"""What a protocol says of this task."""


def terms_of(judging: Judging) -> TaskTerms:
    """What a protocol says of this task under other choices of the judge."""
    if judging == Judging():
        return TERMS
    return {**TERMS, "asked": f"{TERMS['asked']}; judged with {judging.changes}"}


def score_image(
    method: ZeroGuidance,
    sample: SemanticSample,
    dataset: SemanticDataset,
    judging: Judging | None = None,
) -> Record:
    """Label one image and keep what every metric can be computed from; see `score_scene`."""
    return score_scene(method, method.encode(sample.image), sample, dataset, judging)


@torch.inference_mode()
def score_scene(
    method: ZeroGuidance,
    scene: Scene,
    sample: SemanticSample,
    dataset: SemanticDataset,
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
    cosines = images @ judging.features(method, dataset.classes).T
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


def truth_of(sample: SemanticSample, dataset: SemanticDataset) -> NDArray[np.uint16]:
    """The label map; in PASCAL Context nothing is void, other pixels just have no class."""
    if dataset.has_void:
        return sample.truth
    return np.where(sample.truth == IGNORE, 0, sample.truth).astype(np.uint16)


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


def numbers_of(
    records: Sequence[Record],
    dataset: SemanticDataset,
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
    pictures = [
        crossing_overlaps(
            to_crossing(record), renamed(record, key, threshold), void=dataset.has_void
        )
        for record in records
    ]
    return Numbers(pictures, len(dataset.classes))


def summarize(records: Sequence[Record], dataset: SemanticDataset, *, seed: int = 0) -> Summary:
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
    return Summary(scores | quality, intervals, _class_rows(st, records, dataset.classes))


def _class_rows(
    numbers: Numbers, records: Sequence[Record], classes: ClassList
) -> tuple[ClassRow, ...]:
    """IoU of each class over all images, and how much of it there is."""
    intersection, union, _ = (part.sum(axis=0) for part in numbers.parts)
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
