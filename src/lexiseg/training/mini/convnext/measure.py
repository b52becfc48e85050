"""What the small ConvNeXt is worth on held-out scenes: true regions of them, and whole ones."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class NamedRegions:
    """True segments.

    Attributes:
        right: (N,) bool, named right.
        things: (N,) bool, no stuff.
        large: (N,) bool, of at least `LARGE` pixels.
    """

    right: Tensor
    things: Tensor
    large: Tensor

    def share(self, chosen: Tensor | None = None) -> float:
        """Share of those named right, of all or some; NaN of none."""
        right = self.right if chosen is None else self.right[chosen]
        return round(float(right.float().mean()), 4)


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
        ``regions``, ``things``, ``large_things``, ``stuff``: share of true segments named right
        among all names; ``top1``: the same of whole scenes with one thing, among names of things;
        ``scenes``.
    """
    clip = ConvClip.load(folder, "cpu")
    named = region_names(clip, split, several)
    return {
        "scenes": float(single),
        "regions": named.share(),
        "things": named.share(named.things),
        "large_things": named.share(named.things & named.large),
        "stuff": named.share(~named.things),
        "top1": round(thing_names(clip, split, single), 4),
    }


def thing_names(clip: ConvClip, split: str, count: int) -> float:
    """Top-1 accuracy on single things among all names of things, by bare names."""
    chosen = list(islice(scenes(split, (1, 1)), count))
    names = Miniworld(split).thing_names
    truth = torch.tensor([names.index(scene.objects[0].name) for scene in chosen])
    images = F.normalize(image_features(clip, [scene.image for scene in chosen]), dim=-1)
    guess = (images @ texts(clip, names, "{}").T).argmax(dim=1)
    return float((guess == truth).float().mean())


@torch.no_grad()
def region_names(clip: ConvClip, split: str, count: int) -> NamedRegions:
    """Name every true segment of scenes with two to six things, by bare names."""
    dataset = MiniworldSegments(Miniworld(split, SIDE, MEASURE_SEED, (2, 6)), count)
    names = texts(clip, dataset.classes.names, "{}")
    stuff = {dataset.classes.number[name] - 1 for name in dataset.classes.stuff}
    right, things, large = [], [], []
    for number in tqdm(range(count), f"{split} regions"):
        sample = dataset[number]
        ids = np.array([item.id for item in sample.segments])
        truth = torch.tensor([item.class_index for item in sample.segments])
        masks = torch.from_numpy(sample.ids == ids[:, None, None])
        pixels = clip.preprocessing.normalize(np.asarray(sample.image))
        dense = clip.visual.levels(pixels.to(clip.device, clip.dtype))[-1]
        seen = clip.visual.embed_masks(dense, masks[None].to(dense) - 0.5)[0].float().cpu()
        right.append((F.normalize(seen, dim=-1) @ names.T).argmax(dim=1) == truth)
        things.append(torch.tensor([label not in stuff for label in truth.tolist()]))
        large.append(masks.sum(dim=(1, 2)) >= LARGE)
    return NamedRegions(torch.cat(right), torch.cat(things), torch.cat(large))
