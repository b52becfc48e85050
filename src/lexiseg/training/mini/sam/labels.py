"""What a click may mean in a scene: a part, an object or stuff, a group of objects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lexiseg.datasets.miniworld import WorldScene

LEVELS = ("part", "object", "group")
GAP = 4  # pixels between two objects that count as touching
LEAST_AREA = 40  # pixels; smaller regions are no truth

Labels = NDArray[np.uint8]


def label_levels(scene: WorldScene) -> Labels:
    """Label maps (3, H, W) of the parts, of objects and stuff, and of groups; 0 = no such truth.

    A part is as Miniworld cuts its pictographs, as far as it is seen. A group is a chain of
    touching objects; an object that touches none belongs with those of its name, if there are any.
    """
    things = scene.instances.astype(np.uint8)
    stuff = scene.semantic * (things == 0)
    whole = things.copy()
    for number, value in enumerate(np.unique(stuff[stuff > 0]), start=things.max() + 1):
        whole[stuff == value] = number
    groups = _groups(things, {o.instance_id: o.name for o in scene.objects})
    levels = np.stack([scene.parts.astype(np.uint8), whole, groups[things]])
    return np.stack([_drop_small(level) for level in levels])


def _groups(things: Labels, names: Mapping[int, str]) -> Labels:
    """Table from the number of an object to that of its group."""
    table = np.zeros(256, np.uint8)
    chain = _touching(things)
    members = np.array(sorted(names), np.intp)
    sizes = {c: int(np.sum(chain[members] == c)) for c in np.unique(chain[members])}
    alone = [m for m in members if sizes[chain[m]] == 1]
    shared = [names[m] for m in alone]
    keys = {m: ("chain", chain[m]) for m in members if sizes[chain[m]] > 1}
    keys |= {m: ("name", names[m]) for m in alone if shared.count(names[m]) > 1}
    number = {key: k for k, key in enumerate(dict.fromkeys(keys.values()), start=1)}
    for member, key in keys.items():
        table[member] = number[key]
    return table


def _touching(things: Labels) -> NDArray[np.int32]:
    """Number of the chain of touching objects that each object number belongs to."""
    pairs = [(things[:-GAP], things[GAP:]), (things[:, :-GAP], things[:, GAP:])]
    ends = np.concatenate([np.stack([a.ravel(), b.ravel()]) for a, b in pairs], axis=1)
    ends = ends[:, (ends > 0).all(axis=0)]
    graph = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(256, 256))
    chain: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return chain


def _drop_small(level: Labels) -> Labels:
    areas = np.bincount(level.ravel(), minlength=256)
    return np.where(areas[level] >= LEAST_AREA, level, np.uint8(0))
