"""What a data set yields: one record per image or clip, with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.types import Mask, Number

IGNORE = 65535
"""Truth value of a pixel that no metric counts."""

LabelMap = NDArray[np.uint16]
Picture = Path | NDArray[np.uint8]


@dataclass(frozen=True)
class SemanticSample:
    """One image and the class of each of its pixels.

    Args:
        id: unique within the data set.
        image: a path, or (H, W, 3) uint8 RGB.
        truth: (H, W) uint16; 0 = background, k = class k - 1, `IGNORE` = not counted.
        asked: class indices to ask for in this image; None asks for all of them.
    """

    id: str
    image: Picture
    truth: LabelMap
    asked: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Target:
    """One object (or group, or nothing) and the sentences that mean it."""

    id: str
    mask: Mask
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ReferringSample:
    """One image and the objects that sentences refer to."""

    id: str
    image: Picture
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Expression:
    """One sentence about one object of a clip; `annotator` tells parallel descriptions apart."""

    sentence: str
    object_id: int
    annotator: str = "0"


@dataclass(frozen=True)
class VideoSample:
    """One clip.

    Args:
        id: the clip's name.
        frames: pictures in order of time.
        truth: one (H, W) uint16 map of object ids per frame, read when indexed; 0 = background.
        expressions: sentences about the objects.
    """

    id: str
    frames: Sequence[Picture]
    truth: Sequence[LabelMap]
    expressions: tuple[Expression, ...]


@dataclass(frozen=True)
class TrueObject:
    """One annotated object.

    Args:
        class_index: of its class.
        mask: at the size of the image.
        area: pixels as annotated, which decide whether it is small, medium or large.
        crowd: a region of uncountably many, or one too hidden to be asked for; what matches it
            is neither right nor wrong.
    """

    class_index: int
    mask: Mask
    area: float
    crowd: bool = False


@dataclass(frozen=True)
class InstanceSample:
    """One image and its objects.

    Args:
        id: unique within the data set.
        number: the image's number in files of results.
        image: a path, or (H, W, 3) uint8 RGB.
        objects: what is annotated.
        asked: class indices to ask for in this image; None asks for all of them.
        known: class indices the annotation speaks of, answers of others are not judged; None
            means all.
        incomplete: class indices of which not every object is annotated.
    """

    id: str
    number: Number
    image: Picture
    objects: tuple[TrueObject, ...]
    asked: tuple[int, ...] | None = None
    known: frozenset[int] | None = None
    incomplete: frozenset[int] = frozenset()


@dataclass(frozen=True)
class TrueSegment:
    """One annotated segment of a panoptic map.

    Args:
        id: its number in the map; some pixels of it, or all, may be hidden there.
        class_index: of its class.
        area: pixels as annotated, which is what its IoU is measured with.
        crowd: a region of uncountably many, which is neither found nor missed.
    """

    id: int
    class_index: int
    area: float
    crowd: bool = False


@dataclass(frozen=True)
class PanopticSample:
    """One image and its division into segments.

    Args:
        id: unique within the data set.
        number: the image's number in files of results.
        image: a path, or (H, W, 3) uint8 RGB.
        ids: (H, W) uint32 numbers of segments; 0 = void, which nobody judges.
        segments: what is annotated.
        asked: class indices to ask for in this image; None asks for all of them.
    """

    id: str
    number: Number
    image: Picture
    ids: NDArray[np.uint32]
    segments: tuple[TrueSegment, ...]
    asked: tuple[int, ...] | None = None
