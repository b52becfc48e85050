"""From merged nodes to the answer: regions at image size, and what was seen where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexiseg.methods.base import Answer
from lexiseg.methods.zero_guidance.embeddings import nearest_index
from lexiseg.methods.zero_guidance.merging import Node, parent
from lexiseg.methods.zero_guidance.pipeline import Scene
from lexiseg.types import Instance, Mask, Presence

NAMELESS = "unnamed"  # a captioner may find no words


def describe_nodes(scene: Scene, nodes: Sequence[Node]) -> Answer:
    """The answer: one region per node, the largest first.

    Every region has the score of its description, a cosine bounded to [0, 1], and in `details` its
    `node` and `parent` in the tree (heap ids; the root has no parent) and its number of `leaves`.

    Args:
        scene: the picture and its segments.
        nodes: survivors of the merging.
    """
    rows, columns = nearest_index(scene.segments.labels.shape, scene.size_hw)
    labels = scene.segments.labels[rows]
    items = [_region(node, labels, columns) for node in nodes]
    items = sorted((item for item in items if item.mask.area), key=lambda item: -item.mask.area)
    return Answer(items, _verdicts(items, scene.size_hw))


def _region(node: Node, labels: NDArray[np.int16], columns: NDArray[np.intp]) -> Instance:
    """A node's region; `labels` have the picture's rows but not yet its columns."""
    inside = np.isin(labels, node.leaves)[:, columns]
    details = {"node": node.id, "leaves": len(node.leaves)}
    if node.id:
        details["parent"] = parent(node.id)
    said = node.description
    score = min(max(float(said.score), 0.0), 1.0)
    return Instance(
        said.text.strip() or NAMELESS,
        score,
        Mask.from_array(inside),
        details=details,
        alternatives=tuple(said.alternatives),
    )


def _verdicts(items: Sequence[Instance], size_hw: tuple[int, int]) -> list[Presence]:
    """What was seen, the largest region first: best score, and how much of the picture it is."""
    verdicts = []
    for name in dict.fromkeys(item.label for item in items):
        own = [item for item in items if item.label == name]
        share = sum(item.mask.area for item in own) / (size_hw[0] * size_hw[1])
        count = f"{len(own)} segment{'s' if len(own) > 1 else ''}"
        reason = f"seen in {count}, {share:.0%} of the picture"
        verdicts.append(Presence(name, max(item.score for item in own), True, reason))
    return verdicts
