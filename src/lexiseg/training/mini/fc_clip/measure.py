"""What the small FC-CLIP is worth on held-out scenes, asked through the method itself."""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.sample import PanopticSample
from lexiseg.methods.mask_proposals import FcClip, MaftPlus
from lexiseg.methods.mask_proposals.method import ProposalScene
from lexiseg.metrics.panoptic import PanopticQuality
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.training.mini.fc_clip.learner import NOVEL
from lexiseg.training.mini.openworldsam.measure import AnswerSegment

SIDE, THINGS = 224, (1, 6)
MEASURE_SEED = 2025  # neither training nor choosing uses these scenes
FITS = 0.5  # IoU from which on a candidate fits
COLUMNS = {"val": ("val", "A"), "test": ("test", "A"), "test, policy B": ("test", "B")}


def measure_fc_clip(
    method: FcClip | MaftPlus, scenes: int = 200, split: str = "test", policy: str = "A"
) -> dict[str, float]:
    """Measure a method on held-out scenes, each asked for all names of a label policy.

    Args:
        method: FC-CLIP or MAFT+.
        scenes: how many.
        split: of Miniworld.
        policy: of the labels, "A" or "B"; under B a fifth of the objects has no name in A.

    Returns:
        ``pq``, ``sq`` and ``rq``; ``things`` and ``stuff``: PQ of either; ``recall``: share of
        true segments that a candidate fits, whatever its name; ``scenes``.
    """
    world = Miniworld(split, SIDE, MEASURE_SEED, THINGS, 0.0 if policy == "A" else NOVEL)
    dataset = MiniworldSegments(world, scenes, policy=policy)
    classes, vocabulary = dataset.classes, dataset.classes.vocabulary()
    method = method.configured(stuff=tuple(sorted(classes.stuff)))
    tally, fits = PanopticQuality(len(classes)), list[bool]()
    for number in tqdm(range(scenes), f"{split} {policy}"):
        sample = dataset[number]
        scene = method.encode(sample.image)
        answer = method.segment(scene, vocabulary).panoptic
        tally.update(
            sample.ids,
            sample.segments,
            answer.ids,
            [AnswerSegment(item.id, classes.number[item.label] - 1) for item in answer.segments],
        )
        fits += fitting(scene, sample)
    stuff = [classes.number[name] - 1 for name in sorted(classes.stuff)]
    whole, things = tally.compute(), sorted(set(range(len(classes))) - set(stuff))
    figures = {
        "pq": whole.pq,
        "sq": whole.sq,
        "rq": whole.rq,
        "things": tally.compute(things).pq,
        "stuff": tally.compute(stuff).pq,
        "recall": np.mean(fits),
    }
    return {"scenes": float(scenes), **{k: round(float(v), 4) for k, v in figures.items()}}


def measure_columns(method: FcClip | MaftPlus, scenes: int) -> dict[str, dict[str, float]]:
    """What a card shows: `measure_fc_clip` for each split and label policy."""
    return {
        column: measure_fc_clip(method, scenes, split, policy)
        for column, (split, policy) in COLUMNS.items()
    }


def fitting(scene: ProposalScene, sample: PanopticSample) -> list[bool]:
    """Of every true segment whether a candidate fits it."""
    proposals = scene.proposals
    masks = FullSizeMasks(proposals.masks, proposals.frame)
    found = (masks.full(torch.arange(len(proposals))) > 0).flatten(1).float().cpu()
    ids = np.array([item.id for item in sample.segments])
    true = torch.from_numpy(sample.ids == ids[:, None, None]).flatten(1).float()
    shared = true @ found.T
    union = true.sum(dim=1)[:, None] + found.sum(dim=1) - shared
    fits: list[bool] = (shared / union.clamp_min(1) > FITS).any(dim=1).tolist()
    return fits
