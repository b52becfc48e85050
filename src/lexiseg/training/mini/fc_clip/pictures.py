"""Scenes of Miniworld with their segments, drawn as they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld

MIRRORED = 0.5  # share of the pictures


@dataclass(frozen=True)
class SegmentTruth:
    """What a picture shows.

    Attributes:
        labels: (G,) int64 classes.
        masks: (G, S, S) float32, 0 or 1.
    """

    labels: Tensor
    masks: Tensor

    def to(self, device: torch.device) -> SegmentTruth:
        """The same on another device."""
        return SegmentTruth(self.labels.to(device), self.masks.to(device))


@dataclass(frozen=True)
class Pictures:
    """Draws batches; objects too small to be named are void.

    Args:
        size: pixels per side.
        seed: of the scenes.
        split: of the world.
        things: least and largest number of objects.
        scenes: how many different ones there are; they come again in the same order.
        policy: whose labels, "A" or "B".
        novel: share of objects that policy A has no name for, 0..1.
    """

    size: int = 192
    seed: int = 0
    split: str = "train"
    things: tuple[int, int] = (1, 6)
    scenes: int = 20_000
    policy: str = "A"
    novel: float = 0.0

    @cached_property
    def segments(self) -> MiniworldSegments:
        """All scenes there are."""
        world = Miniworld(self.split, self.size, self.seed, self.things, self.novel)
        return MiniworldSegments(world, self.scenes, policy=self.policy)

    def draw(
        self, first: int, count: int, generator: torch.Generator
    ) -> tuple[Tensor, list[SegmentTruth]]:
        """Consecutive scenes, some of them mirrored.

        Returns:
            (count, 3, S, S) float32 pixels in [0, 1], and what each shows.
        """
        drawn, segments = [], self.segments
        for number in range(first, first + count):
            sample = segments[number % self.scenes]
            numbers = torch.tensor([item.id for item in sample.segments], dtype=torch.long)
            labels = torch.tensor([item.class_index for item in sample.segments], dtype=torch.long)
            ids = torch.from_numpy(sample.ids.astype(np.int64))
            truth = (ids == numbers[:, None, None]).float()
            image = torch.tensor(np.asarray(sample.image))
            if torch.rand((), generator=generator) < MIRRORED:
                image, truth = image.flip(1), truth.flip(2)
            drawn.append((image.permute(2, 0, 1).float() / 255, SegmentTruth(labels, truth)))
        pixels, truths = zip(*drawn, strict=True)
        return torch.stack(pixels), list(truths)
