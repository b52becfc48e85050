"""Integer names of lattice vertices: neighbors by addition, sorting with and without the index."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.ops import permutohedral, permutohedral_torch
from lexiseg.ops.lattice_packing import Packing

LOW, HIGH = (-3, -1, 0, 2), (1, 1, 0, 4)


def key_of(packing, vertex):
    """By the docstring: coordinates 1..d in mixed radix, the remainder class on top."""
    size = len(vertex)
    remainder = vertex[0] % size
    cell = [(c - remainder) // size for c in vertex]  # one of `size` cells for most coordinates
    key = sum((c - o) * s for c, o, s in zip(cell, packing.origin, packing.strides, strict=True))
    return remainder * packing.class_stride + key


def vertices():
    """All vertices of the simplices around cells from LOW to HIGH whose coordinates sum to 0."""
    size = len(LOW)
    ranges = [range(low, high + 1) for low, high in zip(LOW[1:], HIGH[1:], strict=True)]
    for rest in itertools.product(*ranges):
        for remainder in range(size):
            for dropped in itertools.combinations(range(size), remainder):
                cell = [-sum(rest), *rest]
                yield tuple(
                    size * c + remainder - size * (i in dropped) for i, c in enumerate(cell)
                )


def test_neighbors_are_an_addition_away():
    packing, size = Packing.covering(LOW, HIGH), len(LOW)
    for vertex in set(vertices()):
        for direction in range(size):
            neighbor = [c + 1 - size * (i == direction) for i, c in enumerate(vertex)]
            step = packing.step(direction, vertex[0] % size)
            assert key_of(packing, vertex) + step == key_of(packing, neighbor)


def test_keys_are_unique_and_fit():
    packing = Packing.covering(LOW, HIGH)
    size = len(LOW)
    around = {
        tuple(c + sign * (1 - size * (i == direction)) for i, c in enumerate(vertex))
        for vertex in vertices()
        for direction in range(size)
        for sign in (-1, 1)
    } | set(vertices())
    keys = {key_of(packing, vertex) for vertex in around}
    assert len(keys) == len(around)
    assert min(keys) >= 0 and max(keys) < 2**packing.bits


def test_the_widest_span_that_can_be_numbered():
    span = (2**61) // 2 - 4  # two classes of 2**60 coordinates are 62 bits long
    assert Packing.covering((0, 0), (0, span)).bits == 62
    assert Packing.covering((0, 0), (0, 2 * span)).bits <= 63
    with pytest.raises(UsageError, match="span 64 bits"):
        Packing.covering((0, 0), (0, 4 * span + 16))


def test_join_and_split_undo_each_other_up_to_the_last_bit():
    packing = Packing.covering((0, 0), (0, 2**50))
    count = 2**11 - 1
    assert packing.bits == 52 and packing.can_join(count) and not packing.can_join(count + 1)
    keys = np.full(count, 2**52 - 1, np.int64) - np.arange(count)[::-1] // 2
    joined = packing.join(keys)
    assert (joined >= 0).all() and (np.diff(joined) > 0).all()
    again, index = packing.split(joined)
    assert np.array_equal(again, keys) and np.array_equal(index, np.arange(count))


@pytest.mark.parametrize("bits", [50, 60])
def test_keys_are_sorted_alike_joined_or_not(bits):
    """With 60 bits there is no room for the index, and a stable sort gives the same order."""
    packing = Packing.covering((0, 0), (0, 2**bits))
    keys = np.random.default_rng(0).integers(0, 40, 300) * (2**bits // 40)
    assert packing.can_join(keys.size) == (bits == 50)
    for order, first in (
        permutohedral._sort_keys(keys, packing),
        permutohedral_torch._sort_keys(torch.from_numpy(keys), packing),
    ):
        assert np.array_equal(order, np.argsort(keys, kind="stable"))
        numbers = np.unique(keys, return_inverse=True)[1]
        assert np.array_equal(np.cumsum(np.asarray(first)) - 1, numbers[order])
