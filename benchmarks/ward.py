"""Time Ward trees: ``python -m benchmarks.ward [--side 111] [--width 384] [--clock cpu]``.

Unit features that vary smoothly over a square grid with noise on top, as many as the paper's
111 x 111. One row per way, each in a process of its own, so that "extra" is the memory that the
tree took at its worst beyond what the features, the interpreter and the libraries hold. The floor
is the one product of all features with all features that the first search for neighbors needs.
"same" compares with SciPy: largest difference of heights, adjusted Rand index of 20 clusters; the
features fall into no natural 20, so that approximations agree less here than on pictures.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from lexiseg.ops.ward import reduce_dimensions, ward_tree
from lexiseg.ops.ward_grid import grid_ward_tree

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
ROW = "{:<8}{:>9}{:>11}  {}"
Linkage = NDArray[np.float64]


def _scipy(points: Tensor) -> Linkage:
    matrix: Linkage = linkage(points.double().numpy(), "ward")
    return matrix


def _grid(points: Tensor) -> Linkage:
    side = round(len(points) ** 0.5)
    return grid_ward_tree(points.numpy(), (side, side)).linkage()


def _floor(points: Tensor) -> Linkage:
    for rows in torch.split(points, 256):
        rows @ points.T
    return np.zeros((0, 4))


WAYS: dict[str, Callable[[Tensor], Linkage]] = {
    "floor": _floor,
    "ward": lambda points: ward_tree(points).linkage(),
    "fast": lambda points: ward_tree(reduce_dimensions(points, 32)).linkage(),
    "grid": _grid,
    "scipy": _scipy,
}


def main() -> None:
    """Print the table, or measure one way for it."""
    options = _read_options()
    torch.set_num_threads(options.threads)
    if options.only:
        measure(options)
        return
    print(f"{options.side**2} points of {options.width} numbers, {options.threads} threads, CPU")
    print(ROW.format("way", "seconds", "extra MB", "same as SciPy"))
    with tempfile.TemporaryDirectory() as folder:
        reports = {way: run_apart(way, Path(folder) / way) for way in options.ways}
    for way, (seconds, megabytes, tree) in reports.items():
        same = agreement(tree, reports["scipy"][2]) if "scipy" in reports and len(tree) else ""
        print(ROW.format(way, f"{seconds:.2f}", f"{megabytes:.0f}", same))


def run_apart(way: str, file: Path) -> tuple[float, float, Linkage]:
    """Measure one way in a new process: seconds, MB and the tree."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.ward", *sys.argv[1:], "--only", way, "--out", str(file)],
        check=True,
    )
    report: tuple[float, float, Linkage] = pickle.loads(file.read_bytes())
    return report


def measure(options: argparse.Namespace) -> None:
    """Run one way once and leave a report."""
    points = smooth_features(options.side, options.width)
    WAYS[options.only](smooth_features(12, options.width))  # libraries loaded, kernels chosen
    before, start = _peak_megabytes(), CLOCKS[options.clock]()
    tree = WAYS[options.only](points)
    report = CLOCKS[options.clock]() - start, _peak_megabytes() - before, tree
    options.out.write_bytes(pickle.dumps(report))


def smooth_features(side: int, width: int) -> Tensor:
    """Unit vectors (side * side, width) float32."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, width, 9, 9, generator=generator)
    smooth = F.interpolate(coarse, (side, side), mode="bicubic").flatten(2)[0].T.contiguous()
    smooth += 0.3 * torch.randn(smooth.shape, generator=generator)
    return F.normalize(smooth, dim=1)


def agreement(tree: Linkage, expected: Linkage) -> str:
    """How far a tree is from SciPy's."""
    gap = np.abs(np.sort(tree[:, 2]) - np.sort(expected[:, 2])).max()
    ours, theirs = (fcluster(matrix, 20, "maxclust") - 1 for matrix in (tree, expected))
    return f"heights {gap:.0e}, 20 clusters ARI {adjusted_rand(ours, theirs):.3f}"


def adjusted_rand(ours: NDArray[np.integer], theirs: NDArray[np.integer]) -> float:
    """Hubert and Arabie's index of two partitions: 1 if equal, about 0 by chance."""
    table = np.zeros((ours.max() + 1, theirs.max() + 1))
    np.add.at(table, (ours, theirs), 1)
    together, rows, columns, all_pairs = (
        (count * (count - 1) / 2).sum()
        for count in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    chance = rows * columns / all_pairs
    return float((together - chance) / ((rows + columns) / 2 - chance))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=111, help="of the grid of points")
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for busy machines")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
