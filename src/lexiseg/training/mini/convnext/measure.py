"""What the small ConvNeXt is worth on held-out scenes: whole pictures, and true regions of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.mini.clip.measure import MEASURE_SEED, image_features, scenes, texts

SIDE = 224
LARGE = 1024  # pixels of 224 x 224 from which on a region covers a cell of the last feature map


@torch.no_grad()
def measure_convnext(
    folder: Path, single: int = 500, several: int = 100, split: str = "test"
) -> dict[str, float]:
    """Measure weights that `convnext` wrote.

    Args:
        folder: of the weights.
        single: scenes with one thing.
        several: scenes with two to six things.
        split: of Miniworld.

    Returns:
        ``top1``: share of single things named right among all names of things; ``regions`` and
        ``large_regions``: share of true segments named right among all names; ``scenes``.
    """
    clip = ConvClip.load(folder, "cpu")
    right, large = region_names(clip, split, several)
    return {
        "scenes": float(single),
        "top1": round(thing_names(clip, split, single), 4),
        "regions": round(float(right.float().mean()), 4),
        "large_regions": round(float(right[large].float().mean()), 4),
    }


def thing_names(clip: ConvClip, split: str, count: int) -> float:
    """Top-1 accuracy on single things among all names of things, by bare names."""
    chosen = list(islice(scenes(split, (1, 1)), count))
    names = Miniworld(split).thing_names
    truth = torch.tensor([names.index(scene.objects[0].name) for scene in chosen])
    images = F.normalize(image_features(clip, [scene.image for scene in chosen]), dim=-1)
    guess = (images @ texts(clip, names, "{}").T).argmax(dim=1)
    return float((guess == truth).float().mean())


def region_names(clip: ConvClip, split: str, count: int) -> tuple[Tensor, Tensor]:
    """Of every true segment whether it is named right, and whether it is large; (N,) bool each."""
    dataset = MiniworldSegments(Miniworld(split, SIDE, MEASURE_SEED, (2, 6)), count)
    names = texts(clip, dataset.classes.names, "{}")
    right, large = [], []
    for number in tqdm(range(count), f"{split} regions"):
        sample = dataset[number]
        ids = np.array([item.id for item in sample.segments])
        truth = torch.tensor([item.class_index for item in sample.segments])
        masks = torch.from_numpy(sample.ids == ids[:, None, None])
        pixels = clip.preprocessing.normalize(np.asarray(sample.image))
        dense = clip.visual.levels(pixels.to(clip.device, clip.dtype))[-1]
        seen = clip.visual.embed_masks(dense, masks[None].to(dense) - 0.5)[0].float().cpu()
        right.append((F.normalize(seen, dim=-1) @ names.T).argmax(dim=1) == truth)
        large.append(masks.sum(dim=(1, 2)) >= LARGE)
    return torch.cat(right), torch.cat(large)
