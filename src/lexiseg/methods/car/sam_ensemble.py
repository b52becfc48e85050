"""Sharpening masks with class-agnostic segments, for instance SAM's (section 3.4).

A mask is replaced by the union of the segments that belong to it, if that union still resembles
the mask.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.methods.car.config import SegmentEnsemble
from lexiseg.methods.car.report import Findings
from lexiseg.methods.car.scene import Scene
from lexiseg.types import Mask, MaskProposer

SEGMENT_CHUNK = 64  # segments decoded at a time
NO_SEGMENTS = (
    "The segmenter found no mask of which it is sure enough, so the masks stay as they were; "
    "lower segmenter.min_score (0.88 unless set) or segmenter.min_stability (0.95)."
)

BoolArray = NDArray[np.bool_]


def sharpen(
    findings: Findings, scene: Scene, segmenter: MaskProposer, config: SegmentEnsemble
) -> None:
    """Replace the regions found so far by segments of the image; warns if it has none."""
    positions = sorted(findings.regions)
    if not positions:
        return
    if not scene.segments(segmenter):
        warnings.warn(NO_SEGMENTS, stacklevel=2)
        return
    masks = np.stack([findings.regions[position].mask.to_array() for position in positions])
    merged = merge_segments(masks, scene.segments(segmenter), config)
    for position, mask in zip(positions, merged, strict=True):
        findings.add_mask(position, mask, findings.regions[position].is_thing)


def merge_segments(
    masks: BoolArray, segments: Sequence[Mask], config: SegmentEnsemble
) -> BoolArray:
    """Replace masks by unions of segments where both agree.

    Args:
        masks: (K, H, W) bool.
        segments: class-agnostic masks of the same image.
        config: the two thresholds.

    Returns:
        (K, H, W) bool; empty masks and those that match no union stay.
    """
    if not segments or not len(masks):
        return masks
    members = segment_membership(masks, segments, config)
    unions = np.zeros_like(masks)
    for column, segment in enumerate(segments):
        unions[members[:, column]] |= segment.to_array()
    agree = _iou(unions, masks) > config.min_iou
    return np.where(agree[:, None, None], unions, masks)


def segment_membership(
    masks: BoolArray, segments: Sequence[Mask], config: SegmentEnsemble
) -> BoolArray:
    """Which segments belong to which mask, (K, S) bool.

    Those whose intersection over minimum exceeds phi_iom; the single best one if none does.
    """
    overlap = intersections(masks, segments)
    mask_area = np.maximum(masks.sum(axis=(1, 2)), 1)[:, None]
    segment_area = np.maximum([segment.area for segment in segments], 1)[None]
    covered, inside = overlap / mask_area, overlap / segment_area
    iom = np.maximum(covered, np.where(covered < config.min_overlap, 0, inside))
    members = iom > config.min_iom
    best = np.arange(len(segments)) == iom.argmax(axis=1)[:, None]
    chosen: BoolArray = np.where(members.any(axis=1)[:, None], members, best)
    return chosen


def intersections(masks: BoolArray, segments: Sequence[Mask]) -> NDArray[np.float64]:
    """Common pixels of K masks (K, H, W) and S segments, (K, S)."""
    rows = masks.reshape(len(masks), -1).astype(np.float32)
    parts = []
    for start in range(0, len(segments), SEGMENT_CHUNK):
        chunk = [segment.to_array().ravel() for segment in segments[start : start + SEGMENT_CHUNK]]
        parts.append(rows @ np.stack(chunk).T.astype(np.float32))
    return np.concatenate(parts, axis=1).astype(np.float64)


def _iou(one: BoolArray, other: BoolArray) -> NDArray[np.float64]:
    common = (one & other).sum(axis=(1, 2))
    united = (one | other).sum(axis=(1, 2))
    ratio: NDArray[np.float64] = common / np.maximum(united, 1)
    return ratio
