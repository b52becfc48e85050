"""Panoptic segmentation: panoptic quality over all, things, stuff, seen and unseen classes.

The record of an image holds what panoptic quality is summed from, so that sums over records are
taken in panopticapi's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import ClassList, PanopticDataset, PanopticSample
from lexiseg.errors import DatasetError
from lexiseg.evaluation.asking import ask
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import PanopticRow, Summary
from lexiseg.evaluation.tasks.semantic import presence_interval, presence_scores
from lexiseg.metrics import (
    SegmentOutcome,
    bootstrap_interval,
    class_quality,
    count_presence,
    match_segments,
    panoptic_counts,
    panoptic_quality,
)
from lexiseg.types import EncodedImage, Method, Panoptic, Result

Groups = Mapping[str, tuple[int, ...]]
"""Name of a group of classes -> their indices."""


def score_image(method: Method, sample: PanopticSample, dataset: PanopticDataset) -> Record:
    """Ask about one image.

    Returns:
        See `score_result`.
    """
    return score_scene(method, method.encode(sample.image), sample, dataset.classes)


def score_scene(
    method: Method, scene: EncodedImage, sample: PanopticSample, classes: ClassList
) -> Record:
    """As `score_image`, for a scene that is encoded already."""
    return score_result(ask(method, scene, classes.vocabulary(sample.asked)), sample, classes)


def score_result(result: Result, sample: PanopticSample, classes: ClassList) -> Record:
    """The record of an answer.

    Returns:
        ``matched``: [class index, IoU] of each pair; ``wrong`` and ``missed``: class index of each
        segment; ``presence``: the four counts of `lexiseg.metrics.PresenceCounts`.

    Raises:
        DatasetError: the image is not of the size that its annotation says.
    """
    if sample.ids.shape != result.size_hw:
        raise DatasetError(
            f"Image {sample.id} is {result.size_hw} pixels high and wide, but its map is "
            f"{sample.ids.shape}."
        )
    ids, answered = answered_segments(result.panoptic, classes)
    matches = match_segments(sample.ids, sample.segments, ids, answered)
    outcome = SegmentOutcome.of(matches, sample.segments, answered)
    asked = range(len(classes)) if sample.asked is None else sample.asked
    present = {item.class_index for item in sample.segments if not item.crowd}
    crowd = {item.class_index for item in sample.segments} - present
    kept = [classes.number[name] - 1 for name in result.presence.kept]
    return {
        "id": sample.id,
        "matched": [list(pair) for pair in outcome.matched],
        "wrong": list(outcome.wrong),
        "missed": list(outcome.missed),
        "presence": list(count_presence(set(asked) - crowd, present, kept).counts),
    }


@dataclass(frozen=True)
class AnsweredSegment:
    """A segment of an answer."""

    id: int
    class_index: int


def answered_segments(
    panoptic: Panoptic, classes: ClassList
) -> tuple[NDArray[np.int64], tuple[AnsweredSegment, ...]]:
    """An answer with the data set's classes, all stuff of a class joined to one segment.

    Returns:
        (H, W) int64 numbers of segments, 0 = none; the segments, in ascending order.
    """
    table = np.zeros(max((item.id for item in panoptic.segments), default=0) + 1, dtype=np.int64)
    number_of: dict[object, int] = {}
    found: dict[int, AnsweredSegment] = {}
    for item in sorted(panoptic.segments, key=lambda item: item.id):
        key = item.label if item.label in classes.stuff else item.id
        number = number_of.setdefault(key, item.id)
        table[item.id] = number
        found[number] = AnsweredSegment(number, classes.number[item.label] - 1)
    return table[panoptic.ids], tuple(found.values())


def summarize(records: Sequence[Record], dataset: PanopticDataset, *, seed: int = 0) -> Summary:
    """Panoptic quality of all images and groups of classes, with intervals over images."""
    classes = dataset.classes
    total = panoptic_counts(map(outcome_of, records), len(classes))
    images = counts_per_image(records, len(classes))
    scores: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, chosen in groups_of(classes).items():
        ending = f"_{name}" if name else ""
        pq, sq, rq, _ = panoptic_quality(total, chosen)
        scores |= {f"pq{ending}": float(pq), f"sq{ending}": float(sq), f"rq{ending}": float(rq)}
        statistic = partial(quality_of, images=images, chosen=chosen)
        intervals[f"pq{ending}"] = bootstrap_interval(len(records), statistic, seed=seed)
    intervals["presence_mcc"] = presence_interval(records, seed)
    return Summary(scores | presence_scores(records), intervals, _rows(total, classes))


def groups_of(classes: ClassList) -> Groups:
    """All classes (under an empty name), things and stuff, seen and unseen, where told apart."""
    groups = {"": tuple(range(len(classes)))}
    for inside, outside, chosen in (
        ("stuff", "things", classes.stuff),
        ("seen", "unseen", classes.seen),
    ):
        own = tuple(k for k, name in enumerate(classes.names) if name in chosen)
        if own:
            groups[inside] = own
            groups[outside] = tuple(sorted(set(range(len(classes))) - set(own)))
    return groups


def outcome_of(record: Record) -> SegmentOutcome:
    """What counts of an image, from its record."""
    matched = tuple((number, iou) for number, iou in record["matched"])
    return SegmentOutcome(matched, tuple(record["wrong"]), tuple(record["missed"]))


def counts_per_image(records: Sequence[Record], classes: int) -> NDArray[np.float64]:
    """(images, classes, 4) of `lexiseg.metrics.panoptic_counts`."""
    return np.stack([panoptic_counts([outcome_of(record)], classes) for record in records])


def quality_of(
    weights: NDArray[np.number], images: NDArray[np.float64], chosen: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """(D,) panoptic quality for (D, images) weightings of the images."""
    flat = images.reshape(len(images), -1)
    sums = weights.astype(np.float64) @ flat
    return panoptic_quality(sums.reshape(-1, *images.shape[1:]), chosen).pq


def _rows(counts: NDArray[np.float64], classes: ClassList) -> tuple[PanopticRow, ...]:
    """The table of classes; those of which nothing is shown or answered have no numbers."""
    rows = []
    qualities = np.stack(class_quality(counts), axis=-1)
    for number, (name, prompt) in enumerate(zip(classes.names, classes.prompts, strict=True)):
        _, matched, wrong, missed = counts[number]
        any_ = matched + wrong + missed > 0
        pq, sq, rq = (float(value) if any_ else None for value in qualities[number])
        rows.append(PanopticRow(name, prompt, pq, sq, rq, int(matched), int(wrong), int(missed)))
    return tuple(rows)
