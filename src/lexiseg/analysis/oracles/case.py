"""One picture of an oracle run: what is true, what was answered, and among which candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.datasets.sample import TrueObject
from lexiseg.errors import UsageError
from lexiseg.metrics import Found
from lexiseg.metrics.panoptic_matching import SegmentOverlaps, segment_overlaps

SURE = 20.0  # logit of a mask that is given as zeros and ones; its probability is 1 to 2e-9


@dataclass(frozen=True)
class CaseSegment:
    """A segment of a map.

    Args:
        id: its number in the map, not 0.
        class_index: from 0.
        area: in pixels as annotated, which may differ from what the map shows.
        crowd: a region that stands for any number of objects.
    """

    id: int
    class_index: int
    area: float = 0.0
    crowd: bool = False


@dataclass(frozen=True)
class CaseMap:
    """One segment per pixel.

    Args:
        ids: (H, W) whole numbers; 0 is no segment.
        segments: the table of them.
        fell_back: where an encoder named the true masks, those too small for its grid.
    """

    ids: NDArray[np.integer]
    segments: tuple[CaseSegment, ...]
    fell_back: int = 0

    @classmethod
    def of_classes(cls, labels: NDArray[np.integer], *, void: NDArray[np.bool_]) -> CaseMap:
        """A label map as one segment per class.

        Args:
            labels: (H, W) class indices.
            void: (H, W) pixels that belong to no class.
        """
        ids = np.where(void, 0, labels.astype(np.int64) + 1)
        areas = np.bincount(ids.ravel())
        present = np.flatnonzero(areas[1:]) + 1
        segments = (CaseSegment(int(i), int(i) - 1, float(areas[i])) for i in present)
        return cls(ids, tuple(segments))

    def masks(self, segments: Sequence[CaseSegment]) -> NDArray[np.bool_]:
        """(N, H, W) where some segments are."""
        numbers = np.array([segment.id for segment in segments], dtype=np.int64)
        masks: NDArray[np.bool_] = numbers[:, None, None] == self.ids
        return masks

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.ids.shape[0], self.ids.shape[1])


@dataclass(frozen=True)
class CandidateSet:
    """The candidates a predictor chooses from, before it chooses.

    Args:
        masks: (Q, h, w) mask logits, of any size that covers the whole picture.
        classes: (Q, C) float32 probabilities of the classes; with `void` they sum to at most 1.
        void: (Q,) float32 probability of "no object".
        wordings: of each candidate the text that won, where the predictor tells.
    """

    masks: Tensor
    classes: Tensor
    void: Tensor
    wordings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.masks)
        if self.masks.ndim != 3 or self.classes.ndim != 2 or self.void.shape != (count,):
            raise UsageError(
                f"Candidates have masks {tuple(self.masks.shape)}, classes "
                f"{tuple(self.classes.shape)} and void {tuple(self.void.shape)}; expected "
                "(Q, h, w), (Q, C) and (Q,)."
            )
        if len(self.classes) != count:
            raise UsageError(f"There are {count} masks but {len(self.classes)} rows of classes.")

    @classmethod
    def from_logits(cls, class_logits: Tensor, masks: Tensor) -> CandidateSet:
        """Of a network of Mask2Former's kind.

        Args:
            class_logits: (Q, C + 1) logits or log-probabilities, void last.
            masks: (Q, h, w) mask logits.
        """
        probabilities = class_logits.float().softmax(dim=1)
        return cls(masks, probabilities[:, :-1], probabilities[:, -1])

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def probabilities(self) -> Tensor:
        """(Q, C + 1), void last."""
        return torch.cat([self.classes, self.void[:, None]], dim=1)

    def without_void(self) -> CandidateSet:
        """Void is no choice: its share goes to the classes in their proportion (Section 4.3)."""
        total = self.classes.sum(dim=1, keepdim=True)
        even = torch.full_like(self.classes, 1 / max(1, self.classes.shape[1]))
        classes = torch.where(total > 0, self.classes / total.clamp_min(1e-30), even)
        return CandidateSet(self.masks, classes, torch.zeros_like(self.void), self.wordings)

    def with_void_bias(self, bias: float) -> CandidateSet:
        """Void's logit is raised by `bias`; the classes keep their proportion."""
        weight = self.void * float(np.exp(bias))
        whole = weight + self.classes.sum(dim=1)
        whole = torch.where(whole > 0, whole, torch.ones_like(whole))
        return CandidateSet(
            self.masks, self.classes / whole[:, None], weight / whole, self.wordings
        )

    def chosen(self, places: Sequence[int]) -> CandidateSet:
        """Some of the candidates."""
        index = torch.as_tensor(list(places), dtype=torch.long)
        words = tuple(self.wordings[place] for place in places) if self.wordings else ()
        return CandidateSet(self.masks[index], self.classes[index], self.void[index], words)


@dataclass(frozen=True)
class ObjectPair:
    """Single objects, which may overlap, of a study of instances.

    Args:
        true: what is there.
        found: class index, score and mask of each answer.
    """

    true: tuple[TrueObject, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Case:
    """One picture.

    Args:
        name: of the picture; different for each of a run.
        truth: what is there.
        found: what the predictor answers.
        candidates: what it chose from, where that is known.
        picture: the file, where there is one.
        void_in_union: whether pixels of void count in `ious`.
        objects: single objects, where those are judged.
    """

    name: str
    truth: CaseMap
    found: CaseMap
    candidates: CandidateSet | None = None
    picture: Path | None = None
    void_in_union: bool = False
    objects: ObjectPair | None = None

    @cached_property
    def overlaps(self) -> SegmentOverlaps:
        """Pixels that true and answered segments share."""
        true = [segment.id for segment in self.truth.segments]
        found = [segment.id for segment in self.found.segments]
        return segment_overlaps(self.truth.ids, true, self.found.ids, found)

    @cached_property
    def ious(self) -> NDArray[np.float64]:
        """(T, A) IoU of every pair whatever its class; crowds overlap with nothing."""
        overlaps = self.overlaps
        if self.void_in_union:
            overlaps = replace(overlaps, on_void=np.zeros_like(overlaps.on_void))
        return class_free_ious(overlaps, self.truth.segments)


def class_free_ious(overlaps: SegmentOverlaps, true: Sequence[CaseSegment]) -> NDArray[np.float64]:
    """(T, A) IoU of every pair, void taken out of the union as in panoptic quality.

    So whatever matches by class also overlaps here (an own choice; the paper does not say). Crowd
    regions, which nothing can match, overlap with nothing.

    Args:
        overlaps: shared pixels.
        true: the T true segments.
    """
    ious = overlaps.ious(np.array([segment.area for segment in true], dtype=np.float64))
    ious[[segment.crowd for segment in true]] = 0
    return ious
