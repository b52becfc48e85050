"""Rebuild the part of a zero-guidance pack that merges siblings of a tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.comparison import Comparison, Tolerance, compare_all, read_arrays
from lexiseg.methods.zero_guidance.merging import Node, Unions, merge_siblings
from lexiseg.types import Description

FILE = "metrics.npz"
TOLERANCES = {
    "mg_scored_ids": Tolerance(0.0),
    "mg_scores": Tolerance(1e-9),
    "mg_final_ids": Tolerance(0.0),
}


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / FILE).is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare who was tested, with which score, and who survived."""
    given = read_arrays(folder / FILE)
    images, texts = (torch.from_numpy(given[f"mg_{kind}_emb"]) for kind in ("image", "text"))
    row = {int(number): place for place, number in enumerate(given["mg_node_ids"])}

    def describe(unions: Unions) -> list[Node]:
        return [
            Node(number, leaves, images[row[number]], texts[row[number]], Description("", 0.0))
            for number, leaves in unions.items()
        ]

    leaves = {int(number): (place,) for place, number in enumerate(given["mg_leaf_ids"])}
    merged = merge_siblings(describe(leaves), describe)
    tested = sorted(merged.tested)
    ours = {
        "mg_scored_ids": tested,
        "mg_scores": [merged.tested[number] for number in tested],
        "mg_final_ids": [node.id for node in merged.nodes],
    }
    order = np.argsort(given["mg_scored_ids"])
    given["mg_scored_ids"], given["mg_scores"] = (
        given[name][order] for name in ("mg_scored_ids", "mg_scores")
    )
    yield from compare_all(ours.items(), given, ours, TOLERANCES.__getitem__)
