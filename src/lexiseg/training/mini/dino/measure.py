"""Whether clusters of keys are things and stuff: the best node of the tree for each true region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage, to_tree
from torch import Tensor
from transformers import ViTModel

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.training.mini.dino.network import read

VALIDATION_SEED, MEASURE_SEED = 997, 2024  # scenes that no training seed draws
LEAVES = 20  # the part of the tree that zero-guidance segmentation looks at
FOUND = 0.5  # IoU above which a region counts as found

Features = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # picture -> (rows, columns, D)


def held_out(split: str, count: int, seed: int) -> list[WorldScene]:
    """Scenes with two to six things."""
    return list(islice(Miniworld(split, seed=seed, things=(2, 6)), count))


def measure_features(features: Features, scenes: list[WorldScene]) -> dict[str, float]:
    """How well the best clusters fit what is visible, by name.

    Returns:
        things_iou, stuff_iou: mean over names of the IoU with the best node of the tree's top;
        things_found: share of things above `FOUND`.
    """
    fits: dict[bool, list[float]] = {True: [], False: []}
    for scene in scenes:
        values = features(scene.image)
        nodes = top_nodes(values.reshape(-1, values.shape[-1])).reshape(-1, *values.shape[:2])
        for is_thing, region in regions(scene):
            fits[is_thing].append(best_iou(nodes, region))
    return {
        "things_iou": round(float(np.mean(fits[True])), 4),
        "stuff_iou": round(float(np.mean(fits[False])), 4),
        "things_found": round(float(np.mean(np.array(fits[True]) > FOUND)), 4),
    }


def regions(scene: WorldScene) -> Iterator[tuple[bool, NDArray[np.bool_]]]:
    """Whether it is a thing, and its mask (H, W), for every name that is visibly present."""
    for name in scene.names:
        number = scene.vocabulary.index(name) + 1
        yield name not in scene.stuff, scene.semantic == number


def top_nodes(rows: NDArray[np.float32], leaves: int = LEAVES) -> NDArray[np.bool_]:
    """All nodes that the first `leaves - 1` splits of the Ward tree make, root included.

    Args:
        rows: (N, D) features.
        leaves: at most so many leaves.

    Returns:
        (M, N) bool, the members of each node.
    """
    _, nodes = to_tree(linkage(rows.astype(np.float64), "ward"), rd=True)
    splits = nodes[len(rows) :][1 - min(leaves, len(rows)) :]
    numbers = {nodes[-1].id} | {child.id for node in splits for child in (node.left, node.right)}
    members = np.zeros((len(numbers), len(rows)), bool)
    for row, number in zip(members, sorted(numbers), strict=True):
        row[nodes[number].pre_order()] = True
    return members


def best_iou(nodes: NDArray[np.bool_], region: NDArray[np.bool_]) -> float:
    """Largest IoU of a region (H, W) with nodes (M, rows, columns) of equal rectangles."""
    (height, width), (_, rows, columns) = region.shape, nodes.shape
    y = np.arange(height) * rows // height
    x = np.arange(width) * columns // width
    cell = (y[:, None] * columns + x).ravel()
    area = np.bincount(cell, minlength=rows * columns)
    inside = np.bincount(cell, region.ravel(), rows * columns)
    flat = nodes.reshape(len(nodes), -1).astype(np.float64)
    both = flat @ inside
    return float((both / (flat @ area + region.sum() - both)).max())


def key_features(backbone: ViTModel, size: int = 224) -> Features:
    """Unit keys of the last block at the patch's own stride."""

    @torch.no_grad()
    def features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        small = F.interpolate(pixels, (size, size), mode="area")
        weight = backbone.embeddings.patch_embeddings.projection.weight
        keys = read(backbone, small.to(weight.device)).keys[0].float()
        grid = size // weight.shape[-1]
        rows: NDArray[np.float32] = F.normalize(keys, dim=-1).cpu().numpy()
        return rows.reshape(grid, grid, -1)

    return features


def color_features(grid: int = 28) -> Features:
    """The mean color of each cell: what any learnt feature has to beat."""

    def features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels: Tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        return F.adaptive_avg_pool2d(pixels, grid)[0].permute(1, 2, 0).numpy()

    return features
