"""Rebuild the part of a zero-guidance pack that merges siblings of a tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.comparison import Comparison, Tolerance
from lexiseg.methods.zero_guidance.merging import Node, Unions, merge_siblings
from lexiseg.types import Description

FILE = "metrics.npz"
EXACT, SCORE = Tolerance(0.0), Tolerance(1e-9)


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return (folder / FILE).is_file()


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare who was tested, with which score, and who survived."""
    with np.load(folder / FILE) as arrays:
        given = {name: arrays[name] for name in arrays if name.startswith("mg_")}
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
        "mg_scored_ids": (np.array(tested), EXACT),
        "mg_scores": (np.array([merged.tested[number] for number in tested]), SCORE),
        "mg_final_ids": (np.array([node.id for node in merged.nodes]), EXACT),
    }
    order = np.argsort(given["mg_scored_ids"])
    given["mg_scored_ids"], given["mg_scores"] = (
        given[name][order] for name in ("mg_scored_ids", "mg_scores")
    )
    for name, (array, tolerance) in ours.items():
        yield Comparison(name, tolerance.error(array, given[name]), tolerance)
