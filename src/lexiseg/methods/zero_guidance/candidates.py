"""Candidates: patches that DINO describes alike become segments of the picture.

Keys of self-supervised attention, a binary tree over them, its cut from the root, and a dense CRF
that finds the edges (Rewatbowornwong et al. 2023, section 3.1 and appendix B).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.dino import choose_sampling, resize
from lexiseg.ops.crf import CrfConfig, DenseCrf
from lexiseg.ops.tree_cut import cut_tree
from lexiseg.ops.ward import MergeTree, reduce_dimensions, ward_tree
from lexiseg.ops.ward_grid import grid_ward_tree
from lexiseg.types import SelfSupervisedEncoder

FAST_DIMENSIONS = 32
LABEL_ELEMENTS = 2**26  # labels x pixels that compete at most, 256 MB

Image8 = NDArray[np.uint8]


@torch.inference_mode()
def find_segments(
    image: Image8, dino: SelfSupervisedEncoder, config: ZeroGuidanceConfig
) -> Segments:
    """Cut a picture into segments that its own features suggest.

    Args:
        image: (H, W, 3) uint8 RGB of any size.
        dino: describes patches; DINO in the paper.
        config: settings of the stage.

    Returns:
        Segments on the resized picture, in the order of their ids.

    Raises:
        UsageError: the stride does not divide the network's patch.
    """
    sampling = choose_sampling(
        image.shape[:2], config.short_side, dino.patch_size, config.stride, config.max_tokens
    )
    resized = resize(image, sampling.size_hw)
    features = dino.describe_patches(resized, sampling.stride, config.facet)
    if features.device.type == "mps":  # it has no float64, in which trees are made
        features = features.cpu()
    if config.normalize:
        features = F.normalize(features, dim=-1)
    grid_hw = (features.shape[0], features.shape[1])
    points = features.flatten(0, 1)
    tree = TREES[config.linkage](points, grid_hw)
    cut = cut_tree(tree, points, config.max_splits, config.max_sibling_cosine)
    if config.use_crf and len(cut.ids) > 1:
        labels = refine(unary_energies(features, cut.centroids), resized, config.crf)
    else:
        labels = enlarge(cut.labels.view(1, *grid_hw), sampling.size_hw)[0].cpu().numpy()
    return drop_vanished(labels, cut.ids)


def _fast_tree(points: Tensor, grid_hw: tuple[int, int]) -> MergeTree:
    return ward_tree(reduce_dimensions(points, FAST_DIMENSIONS))


def _grid_tree(points: Tensor, grid_hw: tuple[int, int]) -> MergeTree:
    return grid_ward_tree(points.cpu().numpy(), grid_hw)


TREES: dict[str, Callable[[Tensor, tuple[int, int]], MergeTree]] = {
    "ward": lambda points, grid_hw: ward_tree(points),
    "fast": _fast_tree,
    "grid": _grid_tree,
}


def unary_energies(features: Tensor, centroids: Tensor) -> Tensor:
    """How badly a leaf fits a patch: squared distance to its mean, less that of the worst leaf.

    Args:
        features: (rows, columns, D) float.
        centroids: (m, D) float.

    Returns:
        (m, rows, columns) float32, at most 0.
    """
    points, means = features.flatten(0, 1).double(), centroids.double()
    squares = points.square().sum(dim=1) - 2 * means @ points.T
    squares += means.square().sum(dim=1, keepdim=True)
    relative = squares - squares.amax(dim=0)
    return relative.float().view(-1, *features.shape[:2])


def enlarge(maps: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Maps (m, rows, columns) at the size of the picture, by the nearest patch."""
    rows, columns = (
        torch.arange(size, device=maps.device) * count // size
        for size, count in zip(size_hw, maps.shape[1:], strict=True)
    )
    return maps[:, rows[:, None], columns]


def refine(energies: Tensor, picture: Image8, config: CrfConfig) -> NDArray[np.int64]:
    """Let a dense CRF move the borders of leaves to the edges of the picture.

    Args:
        energies: (m, rows, columns) of `unary_energies`.
        picture: (H, W, 3) uint8, as resized for DINO.
        config: parameters.

    Returns:
        (H, W) int64, the leaf of every pixel; work that would hold more than `LABEL_ELEMENTS`
        numbers is done on a smaller picture and enlarged.
    """
    size_hw = (picture.shape[0], picture.shape[1])
    scale = min(1.0, sqrt(LABEL_ELEMENTS / (len(energies) * size_hw[0] * size_hw[1])))
    smaller_hw = (max(1, int(size_hw[0] * scale)), max(1, int(size_hw[1] * scale)))
    crf = DenseCrf(resize(picture, smaller_hw), config, str(energies.device))
    marginals = crf.infer(enlarge(energies, smaller_hw).cpu().numpy())
    labels = torch.from_numpy(marginals.argmax(axis=0))
    refined: NDArray[np.int64] = enlarge(labels[None], size_hw)[0].numpy()
    return refined


def drop_vanished(labels: NDArray[np.int64], ids: Sequence[int]) -> Segments:
    """Renumber the labels that own pixels, each with its own id."""
    present, renumbered = np.unique(labels, return_inverse=True)
    shaped = renumbered.reshape(labels.shape).astype(np.int16)
    return Segments(shaped, tuple(ids[label] for label in present.tolist()))
