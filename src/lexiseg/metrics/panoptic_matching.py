"""Which segments of an answer match which of the truth, under panopticapi's rules.

A true segment is matched by the answer of its class whose IoU with it is above one half. Three
rules move numbers and are kept to the letter:

* void: pixels where the truth is void are taken out of the union, and an unmatched answer that
  lies mostly on void, or on a crowd region of its own class, is neither right nor wrong;
* area: a true segment is as large as its annotation says, which may differ from its pixels
  (ADE20K lists stuff that things were pasted over at its full size);
* crowd: a crowd region is never matched and never missed; of several of one class in an image
  the last listed counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import UsageError

IdMap: TypeAlias = NDArray[np.integer]
"""(H, W), the number of the segment that each pixel belongs to."""

NUMBERS = 2**24
"""How many numbers there are for segments: those of a PNG with three channels."""


class LabeledSegment(Protocol):
    """A segment of an answer: its number in the map and its class."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def class_index(self) -> int: ...  # noqa: D102


class AnnotatedSegment(LabeledSegment, Protocol):
    """A segment of the truth: also its annotated area in pixels, and whether it is a crowd."""

    @property
    def area(self) -> float: ...  # noqa: D102
    @property
    def crowd(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class SegmentOverlaps:
    """Pixels that the T segments of a truth and the A segments of an answer share.

    Args:
        shared: (T, A) int64.
        on_void: (A,) pixels of each answer where the truth is void.
        areas: (A,) pixels of each answer.
    """

    shared: NDArray[np.int64]
    on_void: NDArray[np.int64]
    areas: NDArray[np.int64]

    def ious(self, annotated: NDArray[np.float64]) -> NDArray[np.float64]:
        """IoU of every pair, void taken out of the union.

        Args:
            annotated: (T,) areas of the true segments.

        Returns:
            (T, A); 0 where nothing is shared.
        """
        union = annotated[:, None] + (self.areas - self.on_void) - self.shared
        return np.divide(self.shared, union, out=np.zeros(union.shape), where=self.shared > 0)


def segment_overlaps(
    truth: IdMap,
    true_ids: Sequence[int],
    answer: IdMap,
    answered_ids: Sequence[int],
    *,
    void: int = 0,
) -> SegmentOverlaps:
    """Count the pixels that segments share.

    Args:
        truth: map of true segments; numbers that are not listed belong to none of them.
        true_ids: its segments, all different.
        answer: map of answered segments, of the same size.
        answered_ids: its segments, all different; each has a pixel, and each pixel is listed.
        void: number in either map of pixels without a segment, such as 0 or 65535.

    Raises:
        UsageError: sizes differ, or map and list of the answer do not agree.

    Example:
        >>> found = segment_overlaps(np.array([[0, 7, 7]]), [7], np.array([[3, 3, 0]]), [3])
        >>> found.shared.tolist(), found.on_void.tolist(), found.areas.tolist()
        ([[1]], [1], [2])
    """
    if truth.shape != answer.shape:
        raise UsageError(f"Truth has size {truth.shape} but the answer {answer.shape}.")
    rows, columns = _places(truth, true_ids, void), _places(answer, answered_ids, void)
    height, width = len(true_ids) + 2, len(answered_ids) + 2
    both = rows.astype(np.int64) * width + columns
    cells = np.bincount(both, minlength=height * width).reshape(height, width)
    _check_answer(answer, cells, columns, answered_ids)
    return SegmentOverlaps(cells[2:, 2:], cells[1, 2:], cells[:, 2:].sum(axis=0))


def _places(ids: IdMap, listed: Sequence[int], void: int) -> NDArray[np.uint16]:
    """Of each pixel, 0 for a number that is not listed, 1 for void, else its place + 2."""
    if len(set(listed)) < len(listed):
        raise UsageError("Two segments of one map have the same number; expected each only once.")
    if void in listed:
        raise UsageError(f"A segment has the number {void}, which marks pixels without a segment.")
    numbers = [*listed, void, int(ids.min(initial=0)), int(ids.max(initial=0))]
    if min(numbers) < 0 or max(numbers) >= NUMBERS:
        odd = min(numbers) if min(numbers) < 0 else max(numbers)
        raise UsageError(
            f"A segment has the number {odd}; expected 0 to {NUMBERS - 1}, which a panoptic PNG "
            "can hold."
        )
    table = np.zeros(NUMBERS, dtype=np.uint16)  # the system hands out only pages that are used
    table[list(listed)] = np.arange(2, len(listed) + 2)
    table[void] = 1
    places: NDArray[np.uint16] = table[ids.ravel()]
    return places


def _check_answer(
    answer: IdMap, cells: NDArray[np.int64], columns: NDArray[np.uint16], listed: Sequence[int]
) -> None:
    pixels = cells.sum(axis=0)
    if pixels[0]:
        odd = int(answer.ravel()[np.argmin(columns)])
        raise UsageError(f"The answer's map has segment {odd}, which its list of segments lacks.")
    if not pixels[2:].all():
        odd = listed[int(np.argmin(pixels[2:]))]
        raise UsageError(f"The answer lists segment {odd}, of which its map shows no pixel.")


@dataclass(frozen=True)
class SegmentMatches:
    """What became of the segments of an image; places are those in the two lists.

    Args:
        pairs: (N, 2) places of a true segment and the answer that matches it.
        ious: (N,) of each pair, above one half.
        missed: places of true segments without an answer.
        wrong: places of answers that are counted against the answer.
        ignored: places of unmatched answers that are not, as they lie on void or crowd.
    """

    pairs: NDArray[np.int64]
    ious: NDArray[np.float64]
    missed: tuple[int, ...]
    wrong: tuple[int, ...]
    ignored: tuple[int, ...]


def match_segments(
    truth: IdMap,
    true: Sequence[AnnotatedSegment],
    answer: IdMap,
    answered: Sequence[LabeledSegment],
    *,
    void: int = 0,
) -> SegmentMatches:
    """Match the segments of an image.

    Args:
        truth: (H, W) map of true segments.
        true: its segments; some may have no pixel left and are then missed.
        answer: (H, W) map of answered segments.
        answered: its segments.
        void: see `segment_overlaps`.

    Raises:
        UsageError: sizes differ, a map and its list do not agree, or the annotation gives a
            segment that is there no area.
    """
    true_ids, answered_ids = [item.id for item in true], [item.id for item in answered]
    overlaps = segment_overlaps(truth, true_ids, answer, answered_ids, void=void)
    return match_overlaps(overlaps, true, answered)


def match_overlaps(
    overlaps: SegmentOverlaps,
    true: Sequence[AnnotatedSegment],
    answered: Sequence[LabeledSegment],
) -> SegmentMatches:
    """As `match_segments`, for overlaps that are known."""
    annotated = np.array([item.area for item in true], dtype=np.float64)
    crowd = np.array([item.crowd for item in true], dtype=bool)
    _check_areas(overlaps, annotated, true)
    true_class, answered_class = _classes(true), _classes(answered)
    may = (true_class[:, None] == answered_class) & ~crowd[:, None]
    ious = np.where(may, overlaps.ious(annotated), 0)
    pairs = np.argwhere(ious > 0.5)
    pairs = pairs[np.lexsort([_ids(answered)[pairs[:, 1]], _ids(true)[pairs[:, 0]]])]
    missed = set(np.flatnonzero(~crowd).tolist()) - set(pairs[:, 0].tolist())
    spare = np.setdiff1d(np.arange(len(answered)), pairs[:, 1])
    free = _excused(overlaps, true, answered)[spare] > 0.5
    return SegmentMatches(
        pairs,
        ious[pairs[:, 0], pairs[:, 1]],
        tuple(sorted(missed)),
        tuple(spare[~free].tolist()),
        tuple(spare[free].tolist()),
    )


def _excused(
    overlaps: SegmentOverlaps,
    true: Sequence[AnnotatedSegment],
    answered: Sequence[LabeledSegment],
) -> NDArray[np.float64]:
    """(A,) share of each answer that lies on void or on the last crowd region of its class."""
    crowd_of = {item.class_index: place for place, item in enumerate(true) if item.crowd}
    pixels = overlaps.on_void.copy()
    for place, item in enumerate(answered):
        if item.class_index in crowd_of:
            pixels[place] += overlaps.shared[crowd_of[item.class_index], place]
    return pixels / overlaps.areas


def _check_areas(
    overlaps: SegmentOverlaps, annotated: NDArray[np.float64], true: Sequence[AnnotatedSegment]
) -> None:
    empty = (annotated <= 0) & overlaps.shared.any(axis=1)
    if empty.any():
        item = true[int(np.argmax(empty))]
        raise UsageError(
            f"True segment {item.id} has pixels but is annotated with an area of {item.area}; "
            "expected the number of its pixels."
        )


def _classes(segments: Sequence[LabeledSegment]) -> NDArray[np.int64]:
    return np.array([item.class_index for item in segments], dtype=np.int64)


def _ids(segments: Sequence[LabeledSegment]) -> NDArray[np.int64]:
    return np.array([item.id for item in segments], dtype=np.int64)
