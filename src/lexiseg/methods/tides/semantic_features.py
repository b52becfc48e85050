"""Step A: patch-text scores of all windows, averaged on the cells of the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.proposals import Foreground
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.scene import Scene
from lexiseg.ops.foreground import normalize_scores
from lexiseg.ops.windows import fuse_windows
from lexiseg.types import DenseFeatures, DenseScorer

NUMBERS_AT_ONCE = 2**24  # scores of windows x patches x texts that exist together


def find_foreground(
    scene: Scene,
    question: Question,
    survivors: Sequence[int],
    scorer: DenseScorer,
    config: TidesConfig,
) -> Foreground:
    """Where the surviving classes are, by their scores and the background's; see `score_cells`."""
    return Foreground.of(score_cells(scene, question, survivors, scorer, config), config)


@torch.no_grad()
def score_cells(
    scene: Scene,
    question: Question,
    survivors: Sequence[int],
    scorer: DenseScorer,
    config: TidesConfig,
) -> Tensor:
    """Scores of the surviving classes and of the background in every cell.

    Args:
        scene: encoded image.
        question: all asked classes.
        survivors: those to return.
        scorer: turns features and texts into scores.
        config: which texts share in the scoring, and how windows are blended.

    Returns:
        (S + 1, rows, columns) float32 on the CPU; the background is last.
    """
    if config.scored == "survivors":
        question, survivors = question.only(survivors), range(len(survivors))
    kept = torch.tensor([*survivors, len(question.names)], device=question.texts.device)
    maps = [_score_windows(part, question, kept, scorer) for part in scene.windows.features]
    if config.normalization == "window":
        maps = [_normalize_windows(part) for part in maps]
    grids, cells = scene.windows.grids, scene.windows.cells
    return fuse_windows(maps, grids, cells, config.blend, config.expansion).cpu()


def _score_windows(
    features: DenseFeatures, question: Question, kept: Tensor, scorer: DenseScorer
) -> Tensor:
    """(windows, h, w, S + 1), some windows at a time."""
    rows, columns = features.grid_hw
    at_once = max(NUMBERS_AT_ONCE // (rows * columns * len(question.texts)), 1)
    parts = []
    for start in range(0, len(features), at_once):
        scores = scorer.score(features[start : start + at_once], question.texts)
        parts.append(question.merge(scores)[..., kept])
    return torch.cat(parts)


def _normalize_windows(maps: Tensor) -> Tensor:
    """Min-max of every class within every window."""
    flat = maps.flatten(1, 2).transpose(1, 2)
    return normalize_scores(flat).transpose(1, 2).reshape(maps.shape)
