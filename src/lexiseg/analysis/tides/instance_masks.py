"""What a promptable segmenter answers to points inside true objects (TIDES, Sections 3 and 4)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.datasets.sample import TrueObject
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.proposals import Foreground, class_overlap
from lexiseg.methods.tides.scene import Scene
from lexiseg.ops.instance_score import HistogramRule, instance_scores, score_histograms
from lexiseg.ops.mask_quality import stability_score
from lexiseg.types import Mask, PromptableSegmenter

INSIDE = 0.5  # a cell belongs to a mask that covers more of it


@dataclass(frozen=True)
class ObjectAnswers:
    """The m candidates of each of n points of one object.

    Attributes:
        iou: (n, m) float32 in [0, 1], with the true mask.
        inside: (n, m) float32 in [0, 1], the share of a candidate that lies in the true mask.
        scores: (n, m) float32, the segmenter's own.
        stability: (n, m) float32 in [0, 1].
        cells: (n * m, cells) bool.
        points: (n * m,) int64, the cell that each was prompted in.
    """

    iou: Tensor
    inside: Tensor
    scores: Tensor
    stability: Tensor
    cells: Tensor
    points: Tensor


def random_points(mask: Mask, count: int, seed: Sequence[int]) -> NDArray[np.float32]:
    """Centers of random pixels of a mask.

    Args:
        mask: not empty.
        count: number of points; a pixel comes twice only if there are fewer.
        seed: the same seed, the same points.

    Returns:
        (count, 2) float32, x and y in pixels.
    """
    rows, columns = np.nonzero(mask.to_array())
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), count, replace=len(rows) < count)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float32) + 0.5


def image_seed(image_id: str, seed: int) -> tuple[int, int]:
    """Random numbers of an image that depend on no other image."""
    return seed, zlib.crc32(image_id.encode())


@torch.no_grad()
def prompt_objects(
    scene: Scene,
    segmenter: PromptableSegmenter,
    objects: Sequence[TrueObject],
    points: int,
    seed: Sequence[int],
) -> list[ObjectAnswers]:
    """Ask for the masks at random points of every object.

    Args:
        scene: encoded image.
        segmenter: whose answers are studied.
        objects: with masks that are not empty.
        points: n, per object.
        seed: of the points.
    """
    asked = [
        random_points(item.mask, points, (*seed, number)) for number, item in enumerate(objects)
    ]
    if not asked:
        return []
    prompts = torch.from_numpy(np.concatenate(asked))[:, None]
    compared: list[tuple[Tensor, ...]] = []
    for answer in segmenter.predict_chunks(scene.embedding, points=prompts):
        for logits, scores in zip(answer.logits, answer.scores, strict=True):
            true = objects[len(compared) // points].mask
            whole = segmenter.full_size(logits, scene.embedding) > 0
            cells = scene.canvas.pool(whole) > INSIDE
            iou, inside = compare(whole, torch.from_numpy(true.to_array()).to(whole.device))
            compared.append((iou, inside, scores, stability_score(logits), cells.flatten(1)))
    places = scene.canvas.cells_of(prompts[:, 0])
    return [
        _join(compared[start : start + points], places[start : start + points])
        for start in range(0, len(compared), points)
    ]


def compare(masks: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """IoU of masks (m, H, W) with one true mask (H, W), and the share of each that lies in it."""
    shared = (masks & true).sum(dim=(1, 2)).float()
    areas = masks.sum(dim=(1, 2)).float()
    return shared / (areas + true.sum() - shared).clamp_min(1), shared / areas.clamp_min(1)


def _join(rows: Sequence[tuple[Tensor, ...]], places: Tensor) -> ObjectAnswers:
    *numbers, cells = zip(*rows, strict=True)
    iou, inside, scores, stability = (torch.stack(kind).float().cpu() for kind in numbers)
    masks = torch.cat(cells).cpu()
    points = places.repeat_interleave(len(masks) // len(places)).cpu()
    return ObjectAnswers(iou, inside, scores, stability, masks, points)


def identity_scores(
    answers: Sequence[ObjectAnswers],
    classes: Sequence[int],
    foreground: Foreground,
    config: TidesConfig,
) -> list[Tensor]:
    """IO score of every candidate among the proposals of its class in the image.

    Step C decides which candidates are proposals: those that overlap the class's foreground, as
    `class_overlap` measures it, by more than the bound, and are as sure and stable as asked.

    Args:
        answers: of each object.
        classes: of each object, as a row of `foreground`.
        foreground: of the classes in the image.
        config: steps C and D.

    Returns:
        Per object (n, m): above 0 for proposals, at most 1; 0 for all others, which step D never
        sees.
    """
    found: list[Tensor] = [one.iou for one in answers]
    for number in sorted(set(classes)):
        members = [place for place, own in enumerate(classes) if own == number]
        own_foreground = Foreground(
            foreground.values[[number]], foreground.cells[[number]], foreground.shape
        )
        density = _density([answers[place] for place in members], own_foreground, config)
        sizes = [answers[place].iou.numel() for place in members]
        for place, part in zip(members, torch.split(density, sizes), strict=True):
            found[place] = part.reshape(answers[place].iou.shape)
    return found


def _density(
    answers: Sequence[ObjectAnswers], foreground: Foreground, config: TidesConfig
) -> Tensor:
    """IO scores of all candidates of one class; 0 for those that are no proposals."""
    rule = HistogramRule(
        config.bins, config.histogram_cells, config.histogram_divisor, config.histogram_low
    )
    masks = torch.cat([one.cells for one in answers])
    proposed = torch.cat([_proposals(one, foreground, config) for one in answers])
    histograms = score_histograms(masks[proposed], foreground.values[0], foreground.cells[0], rule)
    density = torch.zeros(len(masks))
    density[proposed] = instance_scores(histograms, config.bandwidth)
    return density


def _proposals(answer: ObjectAnswers, foreground: Foreground, config: TidesConfig) -> Tensor:
    """Which candidates step C would make proposals of the one class, (n * m,) bool."""
    overlap = class_overlap(answer.cells, answer.points, foreground, config)[:, 0]
    proposed: Tensor = overlap > config.min_overlap
    if config.min_mask_score is not None:
        proposed = proposed & (answer.scores.flatten() >= config.min_mask_score)
    if config.min_stability is not None:
        proposed = proposed & (answer.stability.flatten() >= config.min_stability)
    return proposed
