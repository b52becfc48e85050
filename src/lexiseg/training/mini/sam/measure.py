"""What the small SAM is worth on held-out scenes, and how its scores mistake parts for objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.models.sam import Segmenter, load_segmenter
from lexiseg.training.mini.sam.labels import label_levels
from lexiseg.training.mini.sam.loss import pairwise_iou
from lexiseg.training.mini.sam.prompts import bounding_boxes

MEASURE_SEED = 2024  # neither training nor watching uses these scenes
LARGE = 400  # visible pixels of an object that counts, in a picture of 224 x 224
FEW = 6
KINDS = ((2, FEW), (FEW, 14))  # least and largest number of objects, in turn


@dataclass(frozen=True)
class ClickResults:
    """What is measured of a click on an object, and of the object's box.

    Attributes:
        best: (O,) IoU of the best of three candidates with the object.
        chosen: (O,) IoU of the candidate with the highest score.
        part: (O,) IoU of the best of three with the clicked part.
        group: (O,) the same with the object's group; NaN where it has none.
        ranked_wrong: (O,) bool, the highest score is not the best candidate's.
        prefers_part: (O,) bool, the highest score's mask is nearer to the part than to the object.
        prefers_group: (O,) bool, nearer to the group.
        boxed: (O,) IoU of the single mask of the object's box.
        crowded: (O,) bool, the scene has more than `FEW` objects.
    """

    best: Tensor
    chosen: Tensor
    part: Tensor
    group: Tensor
    ranked_wrong: Tensor
    prefers_part: Tensor
    prefers_group: Tensor
    boxed: Tensor
    crowded: Tensor


def measure_sam(folder: Path, scenes: int = 200, split: str = "test") -> dict[str, float]:
    """Measure a small SAM in Hugging Face's format.

    Returns:
        Means over all objects of more than `LARGE` pixels, each clicked once, of the fields of
        `ClickResults`; `objects`, their number; `best_few` and `best_crowded`, the mean of `best`
        in scenes of at most `FEW` objects and of more.
    """
    segmenter = load_segmenter(folder)
    chance = np.random.default_rng(MEASURE_SEED)
    chosen = tqdm(islice(held_out_scenes(split), scenes), "scenes", scenes)
    asked = [ask(segmenter, scene, chance) for scene in chosen]
    result = {"objects": float(sum(len(part.best) for part in asked))}
    joined = {
        field.name: torch.cat([getattr(part, field.name) for part in asked]).float()
        for field in fields(ClickResults)
    }
    crowded = joined["crowded"].bool()
    joined["best_few"], joined["best_crowded"] = joined["best"][~crowded], joined["best"][crowded]
    return result | {name: round(float(values.nanmean()), 4) for name, values in joined.items()}


def held_out_scenes(split: str) -> Iterator[WorldScene]:
    """Endless scenes with at least one large object; every second one is crowded."""
    worlds = [Miniworld(split, 224, MEASURE_SEED, things) for things in KINDS]
    for pair in zip(*worlds, strict=True):
        for scene in pair:
            if any(o.visible and o.area > LARGE for o in scene.objects):
                yield scene


@torch.no_grad()
def ask(segmenter: Segmenter, scene: WorldScene, chance: np.random.Generator) -> ClickResults:
    """Click at a random pixel of every large object of a scene, and draw a box around it."""
    objects = [o for o in scene.objects if o.visible and o.area > LARGE]
    spots = np.array([chance.choice(np.flatnonzero(o.mask)) for o in objects])
    truth = torch.from_numpy(_truth(label_levels(scene), spots))  # (O, 3, N)
    whole = torch.from_numpy(np.stack([o.mask for o in objects]))
    side = scene.image.shape[1]
    points = np.stack([spots % side, spots // side], axis=-1)[:, None]
    embedding = segmenter.encode(scene.image)
    answer = segmenter.predict(embedding, points=points)
    boxed = segmenter.predict(embedding, boxes=bounding_boxes(whole), multimask=False)
    overlaps = pairwise_iou(segmenter.full_size(answer.logits, embedding).flatten(2), truth)
    single = pairwise_iou(segmenter.full_size(boxed.logits, embedding).flatten(2), truth)
    top = answer.scores.argmax(dim=1)
    shown = overlaps.gather(1, top[:, None, None].expand(-1, 1, 3))[:, 0]
    best, place = overlaps.max(dim=1)
    exists = truth.any(dim=2)
    return ClickResults(
        best=best[:, 1],
        chosen=shown[:, 1],
        part=best[:, 0].where(exists[:, 0], torch.nan),
        group=best[:, 2].where(exists[:, 2], torch.nan),
        ranked_wrong=top != place[:, 1],
        prefers_part=shown[:, 0] > shown[:, 1],
        prefers_group=shown[:, 2] > shown[:, 1],
        boxed=single[:, 0, 1],
        crowded=torch.full(place.shape[:1], len(scene.objects) > FEW),
    )


def _truth(labels: NDArray[np.uint8], spots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(O, 3, N) bool: the part, object and group that each pixel number lies in."""
    flat = labels.reshape(len(labels), -1)
    values = flat[:, spots].T
    found: NDArray[np.bool_] = (flat[None] == values[..., None]) & (values > 0)[..., None]
    return found
