"""Step C: foreground cells prompt the segmenter; its masks become proposals of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.prompted_masks import PromptedMasks
from lexiseg.methods.tides.scene import Scene
from lexiseg.ops.foreground import (
    component_iou,
    foreground_overlap,
    foreground_probability,
    normalize_scores,
)
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Mask

SCATTER = 2654435761  # Knuth's multiplier: neighbors end up far apart
MASKS_AT_ONCE = 2048  # unpacked together while they are assigned to classes


def _normalize_jointly(scores: Tensor) -> Tensor:
    return normalize_scores(scores.reshape(1, -1)).reshape(scores.shape)


def _keep(scores: Tensor) -> Tensor:
    return scores


NORMALIZATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "class": normalize_scores,
    "survivors": _normalize_jointly,
    "window": _keep,  # was done before the windows were averaged
}


@dataclass(frozen=True)
class Foreground:
    """Where the surviving classes are.

    Attributes:
        values: (S, cells) float32 in [0, 1], what histograms and averages are made of.
        cells: (S, cells) bool.
        shape: rows and columns.
    """

    values: Tensor
    cells: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, scores: Tensor, config: TidesConfig) -> Foreground:
        """Compare classes with the background, (S + 1, rows, columns), which is last."""
        flat = scores.flatten(1)
        normalize = NORMALIZATIONS[config.normalization]
        probability = foreground_probability(
            flat[:-1], flat[-1], config.foreground_rule, config.temperature, normalize
        )
        values = normalize(flat[:-1]) if config.values == "normalized" else probability
        shape = (scores.shape[1], scores.shape[2])
        return cls(values, probability > config.min_probability, shape)

    def points(self, config: TidesConfig) -> Tensor:
        """Flat cells (P,) to prompt with: those of any class, thinned out as configured."""
        chosen = self.cells.any(dim=0).reshape(self.shape).clone()
        if config.point_stride > 1:
            step, first = config.point_stride, config.point_stride // 2
            kept = torch.zeros_like(chosen)
            kept[first::step, first::step] = True
            chosen &= kept
        points = chosen.flatten().nonzero()[:, 0]
        if 0 < config.max_points < len(points):
            # A fixed order, so that a larger foreground asks for the same points again.
            order = (points * SCATTER % 2**32).argsort()
            points = points[order[: config.max_points]].sort().values
        return points


@dataclass(frozen=True)
class Proposals:
    """Masks of one class.

    Attributes:
        masks: (N, cells) bool.
        points: (N,) int64, the cell each was prompted with.
        candidates: (N,) int64, which of the segmenter's answers it is.
        segmenter_scores: (N,) float32, the segmenter's own.
    """

    masks: Tensor
    points: Tensor
    candidates: Tensor
    segmenter_scores: Tensor

    def __len__(self) -> int:
        return len(self.points)

    @property
    def keys(self) -> list[tuple[int, int]]:
        """Point and candidate of each, which name a mask of the image for good."""
        return list(zip(self.points.tolist(), self.candidates.tolist(), strict=True))

    def __getitem__(self, chosen: Tensor) -> Proposals:
        """Some of them, by index or bool."""
        return Proposals(
            self.masks[chosen],
            self.points[chosen],
            self.candidates[chosen],
            self.segmenter_scores[chosen],
        )


class MaskPool(Protocol):
    """Masks of an image and the classes they are proposals of."""

    def of_class(self, index: int) -> Proposals:
        """The proposals of the class at a position among the surviving ones."""
        ...

    def finish(self, proposals: Proposals) -> list[Mask]:
        """The masks of some proposals at the size of the image."""
        ...


@dataclass(frozen=True)
class PromptedPool:
    """All acceptable masks of the prompted points and the classes they belong to.

    Attributes:
        masks: of the scene.
        points: (N,) int64 flat cells.
        rows: (N,) int64, position among all masks of the scene.
        candidates: (N,) int64.
        members: (N, S) bool, the mask is a proposal of the class.
    """

    masks: PromptedMasks
    points: Tensor
    rows: Tensor
    candidates: Tensor
    members: Tensor

    def of_class(self, index: int) -> Proposals:
        """The proposals of one class, unpacked."""
        chosen = self.members[:, index]
        rows, candidates = self.rows[chosen], self.candidates[chosen]
        return Proposals(
            self.masks.unpacked(rows, candidates),
            self.points[chosen],
            candidates,
            self.masks.scores[rows, candidates],
        )

    def finish(self, proposals: Proposals) -> list[Mask]:
        """The masks of some proposals at the size of the image."""
        return self.masks.finish(proposals.keys)


def propose(
    scene: Scene, foreground: Foreground, config: TidesConfig, watch: Stopwatch
) -> PromptedPool:
    """Prompt with foreground cells and assign the answers to classes.

    Args:
        scene: encoded image; what is prompted now is remembered there.
        foreground: of the surviving classes.
        config: points, bounds and the rule of assignment.
        watch: told where the time goes.
    """
    points = foreground.points(config)
    with watch("C: decoder"):
        rows = scene.masks.rows_of(points)
    with watch("C: proposals"):
        return _assign(points, rows, scene.masks, foreground, config)


def _assign(
    points: Tensor,
    rows: Tensor,
    masks: PromptedMasks,
    foreground: Foreground,
    config: TidesConfig,
) -> PromptedPool:
    accepted = torch.ones_like(masks.scores[rows], dtype=torch.bool)
    if config.min_mask_score is not None:
        accepted &= masks.scores[rows] >= config.min_mask_score
    if config.min_stability is not None:
        accepted &= masks.stability[rows] >= config.min_stability
    position, candidates = accepted.nonzero(as_tuple=True)
    chosen_points, chosen_rows = points[position], rows[position]
    members = torch.zeros(len(position), len(foreground.cells), dtype=torch.bool)
    for start in range(0, len(position), MASKS_AT_ONCE):
        part = slice(start, start + MASKS_AT_ONCE)
        unpacked = masks.unpacked(chosen_rows[part], candidates[part])
        overlap = class_overlap(unpacked, chosen_points[part], foreground, config)
        members[part] = overlap > config.min_overlap
    return PromptedPool(masks, chosen_points, chosen_rows, candidates, members)


def class_overlap(
    masks: Tensor, points: Tensor, foreground: Foreground, config: TidesConfig
) -> Tensor:
    """How far masks agree with every class by the configured rule; above its bound they belong.

    Args:
        masks: (N, cells) bool.
        points: (N,) int64, the cell each was prompted with.
        foreground: of the surviving classes.
        config: the rule of assignment.

    Returns:
        (N, S) float32 in [0, 1].
    """
    if config.assignment == "component":
        return component_iou(masks, points, foreground.cells.reshape(-1, *foreground.shape))
    overlap = foreground_overlap(masks, foreground.cells)
    return overlap.iou if config.assignment == "foreground" else overlap.coverage
