"""Rebuild the part of a zero-guidance pack that cuts a picture: DINO keys, tree, cut and CRF."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, read_arrays
from lexiseg.methods.zero_guidance.candidates import enlarge, unary_energies
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.models.dino import Dino, DinoNetwork
from lexiseg.ops.crf import DenseCrf
from lexiseg.ops.tree_cut import TreeCut, cut_tree, flat_clusters, sibling_cosines
from lexiseg.ops.ward import ward_tree

FILES = ("dino_state.npz", "dino.npz", "cluster.npz")
INPUTS = ("cl_features_raw", "cl_grid", "crf_image")
EXACT = Tolerance(0.0)
CLOSE = Tolerance(1e-5)
DINO_TOLERANCES = {
    "dino_grid": EXACT,
    "dino_pos_embed_stride": CLOSE,
    "dino_tokens_in": Tolerance(2e-5),
    "dino_keys": Tolerance(1e-4),
    "dino_keys_with_cls": Tolerance(1e-4),
    "dino_native_cls": Tolerance(1e-4),
}
CUT_RULES = {"released": lambda clusters: clusters // 2, "allsplits": lambda clusters: clusters - 1}
ZERO_GUIDANCE = ZeroGuidanceConfig().crf
CRFS = {
    "zg": ZERO_GUIDANCE,
    "amir": replace(ZERO_GUIDANCE, spatial_sigma=3.0, spatial_weight=50.0, bilateral_weight=15.0),
}
MARGINALS, LABELS = Tolerance(1e-4), Tolerance(0.01, "pixels")

Labels = NDArray[np.integer[Any]]


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return all((folder / name).is_file() for name in FILES)


@torch.no_grad()
def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the part with ours; what we do not make counts as infinitely off."""
    yield from KeyPack(folder).compare()
    pack = ClusterPack(folder)
    made = list(pack.compare())
    yield from made
    names = {comparison.name.split(" ")[0] for comparison in made}
    for name in sorted(set(pack.arrays) - names - set(INPUTS)):
        yield Comparison(name, np.inf, EXACT)


class KeyPack:
    """A random DINO and two pictures."""

    def __init__(self, folder: Path) -> None:
        state = read_arrays(folder / "dino_state.npz")
        self._state = {name: torch.from_numpy(array) for name, array in state.items()}
        self.arrays = read_arrays(folder / "dino.npz")
        self._image = torch.from_numpy(self.arrays["dino_image"])

    @cached_property
    def network(self) -> DinoNetwork:
        """The network; the number of heads is in no file, so the one that fits is taken."""
        width = self._state["cls_token"].shape[-1]
        networks = [self._build(heads) for heads in range(1, width + 1) if width % heads == 0]
        return min(networks, key=self._misfit)

    def _build(self, heads: int) -> DinoNetwork:
        settings = {"num_attention_heads": heads}
        return Dino.from_state_dict(self._state, "cpu", "float32", settings=settings).network

    def _misfit(self, network: DinoNetwork) -> float:
        ours = network(self._image)[:, 0].numpy()
        return float(np.abs(ours - self.arrays["dino_native_cls"]).max())

    @property
    def stride(self) -> int:
        """The largest stride that makes the pack's grid."""
        patch, size_hw = self.network.config.patch_size, self.size_hw
        strides = (stride for stride in range(patch, 0, -1) if patch % stride == 0)
        wanted = tuple(self.arrays["dino_grid"].tolist())
        return next((s for s in strides if self.network.grid(size_hw, s) == wanted), patch)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return self._image.shape[2], self._image.shape[3]

    def compare(self) -> Iterator[Comparison]:
        """Compare every output."""
        names = set(self.arrays) - {"dino_image"}
        ours = self._rebuild().items()
        yield from compare_all(
            ours, self.arrays, names, lambda name: DINO_TOLERANCES.get(name, EXACT)
        )

    def _rebuild(self) -> dict[str, Any]:
        grid = self.network.grid(self.size_hw, self.stride)
        keys = self._head_fastest(self.network.facet(self._image, self.stride))
        return {
            "dino_grid": grid,
            "dino_pos_embed_stride": self.network.positions(
                grid, square=self.size_hw[0] == self.size_hw[1]
            )[0],
            "dino_tokens_in": self.network.embed(self._image, self.stride),
            "dino_keys": keys[:, 1:],
            "dino_keys_with_cls": keys,
            "dino_native_cls": self.network(self._image)[:, 0],
        }

    def _head_fastest(self, keys: Tensor) -> Tensor:
        """The pack's order of channels: number within the head, then head."""
        heads = self.network.config.heads
        return keys.view(*keys.shape[:2], heads, -1).transpose(2, 3).flatten(2)


class ClusterPack:
    """Features on a grid, their tree, its cuts, and a picture for the CRF."""

    def __init__(self, folder: Path) -> None:
        self.arrays = read_arrays(folder / "cluster.npz")
        self.grid_hw = tuple(self.arrays["cl_grid"].tolist())
        self.points = F.normalize(torch.from_numpy(self.arrays["cl_features_raw"]), dim=1)
        self.tree = ward_tree(self.points)
        self.clusters = len(self.arrays["cl_sibling_cos"]) + 1

    def compare(self) -> Iterator[Comparison]:
        """Compare every output; what follows a blank in a name says which side of the array."""
        yield from self._tree()
        for name in self.arrays:
            if name.endswith("_treeid"):
                yield from self._cut(name.removesuffix("_treeid"))
        yield self._compare("crf_unary", self._unary(), CLOSE)
        for name in CRFS:
            yield from self._crf(name)

    def _compare(self, name: str, ours: Any, tolerance: Tolerance) -> Comparison:
        return Comparison(name, tolerance.error(np.asarray(ours), self.arrays[name]), tolerance)

    def _tree(self) -> Iterator[Comparison]:
        yield self._compare("cl_features_unit", self.points, Tolerance(1e-6))
        theirs, heights = self.arrays["cl_Z"], Tolerance(1e-6)
        yield Comparison("cl_Z height", heights.error(self.tree.heights, theirs[:, 2]), heights)
        ours = set(members(self.tree.children))
        for name, children in (("cl_Z join", theirs[:, :2]), ("cl_children", None)):
            joins = members(self.arrays[name] if children is None else children)
            yield Comparison(name, float(sum(join not in ours for join in joins)), EXACT)
        flat = flat_clusters(self.tree, self.clusters - 1)
        yield self._partition("cl_flat_labels", flat)
        yield Comparison("cl_cut_masks", self._halves(), EXACT)
        cosines = sibling_cosines(self.tree, self.points, self.clusters - 1)
        yield self._compare("cl_sibling_cos", cosines, CLOSE)

    def _partition(self, name: str, ours: Labels) -> Comparison:
        return Comparison(name, misplaced(ours, self.arrays[name].ravel()), EXACT)

    def _halves(self) -> float:
        """Number of splits whose two halves are not the pack's."""
        packed = self.arrays["cl_cut_masks"]
        masks = np.unpackbits(packed, axis=1, count=len(self.points)).astype(bool)
        theirs = [{frozenset(np.flatnonzero(m).tolist()) for m in masks[i : i + 2]}
                  for i in range(0, len(masks), 2)]  # fmt: skip
        held = [frozenset([point]) for point in range(len(self.points))]
        held += members(self.tree.children)
        last = self.tree.children[::-1][: len(theirs)].tolist()
        return float(
            sum({held[a], held[b]} != half for (a, b), half in zip(last, theirs, strict=True))
        )

    def _cut(self, name: str) -> Iterator[Comparison]:
        cut = self._own_cut(name)
        theirs = self.arrays[f"{name}_labels"].ravel()
        yield self._partition(f"{name}_labels", cut.labels.numpy())
        match = matching(cut.labels.numpy(), theirs)
        ours, expected = np.array(cut.ids)[match], self.arrays[f"{name}_treeid"]
        same_shape = ours.shape == expected.shape and np.array_equal(
            ancestry(ours), ancestry(expected)
        )
        yield Comparison(f"{name}_treeid", 0.0 if same_shape else np.inf, EXACT)
        yield self._compare(f"{name}_centroids", cut.centroids[match], CLOSE)

    def _own_cut(self, name: str) -> TreeCut:
        rule, threshold = name.removeprefix("cl_").split("_t")
        return cut_tree(self.tree, self.points, CUT_RULES[rule](self.clusters), float(threshold))

    def _unary(self) -> NDArray[np.float32]:
        """Energies of the released cut at the largest threshold, labels in the pack's order."""
        names = (n.removesuffix("_treeid") for n in self.arrays if n.endswith("_treeid"))
        largest = max(
            (name for name in names if "released" in name), key=lambda n: float(n.split("_t")[1])
        )
        cut = self._own_cut(largest)
        match = matching(cut.labels.numpy(), self.arrays[f"{largest}_labels"].ravel())
        features = self.points.view(*self.grid_hw, -1)
        energies = unary_energies(features, cut.centroids[match])
        size_hw = self.arrays["crf_image"].shape[:2]
        return np.asarray(enlarge(energies, size_hw).permute(1, 2, 0))

    def _crf(self, name: str) -> Iterator[Comparison]:
        image = self.arrays["crf_image"]
        energies = self.arrays["crf_unary"].transpose(2, 0, 1)
        exact = DenseCrf(image, replace(CRFS[name], backend="window")).infer(energies)
        yield self._compare(f"crf_{name}_Q_exact", exact.reshape(len(exact), -1), MARGINALS)
        yield self._compare(f"crf_{name}_labels_exact", exact.argmax(axis=0), LABELS)
        lattice = DenseCrf(image, replace(CRFS[name], backend="numpy")).infer(energies)
        yield self._compare(f"crf_{name}_labels_lattice", lattice.argmax(axis=0), LABELS)


def members(children: NDArray[Any]) -> list[frozenset[int]]:
    """Points below every join of a tree."""
    points = len(children) + 1
    held = [frozenset([point]) for point in range(points)]
    for left, right in children.astype(int).tolist():
        held.append(held[left] | held[right])
    return held[points:]


def matching(ours: Labels, theirs: Labels) -> list[int]:
    """For each of their labels, ascending, the label that our map has at its first point."""
    return [int(ours[np.flatnonzero(theirs == label)[0]]) for label in np.unique(theirs)]


def misplaced(ours: Labels, theirs: Labels) -> float:
    """How many parts too many the overlay of two partitions has; 0 if they are the same."""
    pairs = np.unique(np.stack([ours, theirs]), axis=1).shape[1]
    counts = len(np.unique(ours)), len(np.unique(theirs))
    return float(2 * pairs - sum(counts))


def ancestry(ids: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Depth of the last common ancestor of every two heap ids: the tree, whatever side is left."""
    lines = [line(int(number)) for number in ids]
    return np.array([[len(set(a) & set(b)) for b in lines] for a in lines])


def line(number: int) -> list[int]:
    """A heap id and all its ancestors."""
    above = [number]
    while above[-1]:
        above.append((above[-1] - 1) // 2)
    return above
