"""How much the vectors of the small BEiT-3 know of held-out scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lexiseg.models.beit3 import Beit3
from lexiseg.training.mini.beit3.network import coverage
from lexiseg.training.mini.beit3.pool import Beit3PoolConfig, read_scene, region_map
from lexiseg.training.mini.beit3.texts import ask_regions

MEASURE_SEED = 2024  # neither training nor watching uses these scenes
FITTED = 200  # scenes of the train split that the readings are fitted on
PAIRS = 4  # of a true and a false text, per scene
RIDGE = 1e-2  # times the mean square of the vectors


@dataclass(frozen=True)
class Vectors:
    """Vectors of texts about scenes.

    Attributes:
        cls: (N, D) of picture and text, and a one.
        truth: (N,) 1 where the text is true of the picture.
        place: (N, cells) covered share of each cell by what is meant; zeros where nothing is.
        named: (N,) bool, the text is a name rather than a sentence.
    """

    cls: Tensor
    truth: Tensor
    place: Tensor
    named: Tensor


def measure_beit3(folder: Path, scenes: int = 60, split: str = "test") -> dict[str, float]:
    """Read truth and place off the vectors by ridge regression, fitted on other scenes.

    Returns:
        `texts`, their number; `truth`, the share of texts told true from false; `named` and
        `described`, the mean IoU of the cells that a name or a sentence means.
    """
    beit3 = Beit3.load(folder, "cpu", torch.float32)
    fitted = see(beit3, FITTED, "train")
    wanted = torch.cat([2 * fitted.truth[:, None] - 1, fitted.place], dim=1)
    readings = ridge(fitted.cls, wanted)
    held_out = see(beit3, scenes, split)
    read = held_out.cls @ readings
    told = (read[:, 0] > 0) == (held_out.truth > 0)
    found, meant = read[:, 1:] > best_level(fitted, readings), held_out.place >= 0.5
    overlap = (found & meant).sum(dim=1) / (found | meant).sum(dim=1).clamp(min=1)
    places = meant.any(dim=1)
    return {
        "texts": float(len(told)),
        "truth": round(float(told.float().mean()), 4),
        "named": round(float(overlap[places & held_out.named].mean()), 4),
        "described": round(float(overlap[places & ~held_out.named].mean()), 4),
    }


def see(beit3: Beit3, count: int, split: str) -> Vectors:
    """Vectors of true and false texts about scenes."""
    config = Beit3PoolConfig(seed=MEASURE_SEED, split=split)
    scenes = [config.world(k)[k] for k in tqdm(range(count), f"{split} scenes")]
    facts, chance = [read_scene(scene) for scene in scenes], np.random.default_rng(MEASURE_SEED)
    cls, asked = [], []
    for scene, own in zip(scenes, facts, strict=True):
        texts = [item for _ in range(PAIRS) for item in ask_regions(own, facts, chance)]
        vectors = beit3.pair_features(beit3.prepare(scene.image), [item.text for item in texts])
        cls.append(vectors.clone())
        asked += texts
    maps = torch.from_numpy(np.stack([region_map(scene) for scene in scenes]))
    joined = torch.cat(cls)
    return Vectors(
        torch.cat([joined, joined.new_ones(len(joined), 1)], dim=1),
        torch.tensor([float(item.is_true) for item in asked]),
        coverage(maps.repeat_interleave(2 * PAIRS, 0), [item.values for item in asked]),
        torch.tensor([not item.text.startswith("the ") for item in asked]),
    )


def ridge(rows: Tensor, wanted: Tensor) -> Tensor:
    """(D, M) matrix that best makes `wanted` (N, M) of rows (N, D)."""
    gram = rows.T @ rows
    strength = RIDGE * gram.diagonal().mean()
    solved: Tensor = torch.linalg.solve(gram + strength * torch.eye(len(gram)), rows.T @ wanted)
    return solved


def best_level(fitted: Vectors, readings: Tensor) -> Tensor:
    """The level above which a cell counts as meant that gives the best IoU where it was fitted."""
    read, meant = fitted.cls @ readings[:, 1:], fitted.place >= 0.5
    levels = torch.linspace(0.05, 0.6, 12)
    ious = [((read > v) & meant).sum() / ((read > v) | meant).sum() for v in levels]
    return levels[torch.stack(ious).argmax()]
