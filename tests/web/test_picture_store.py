"""Pictures are kept within bounds of bytes and of time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.methods.base import BaseScene
from lexiseg.web.picture_store import PictureStore
from lexiseg.web.refusal import RefusedError

SIDE = 10
BYTES = 3 * SIDE * SIDE


def pixels(data: bytes) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), data[0], np.uint8)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_file_is_read_once() -> None:
    store, read = PictureStore(10 * BYTES, 60), []
    first = store.take(b"a", lambda data: read.append(data) or pixels(data))
    again = store.take(b"a", lambda data: read.append(data) or pixels(data))
    assert first is again and read == [b"a"] and len(store) == 1


def test_ids_differ_from_service_to_service() -> None:
    ids = {PictureStore(10 * BYTES, 60).take(b"a", pixels).id for _ in range(3)}
    assert len(ids) == 3


def test_a_picture_lives_as_long_as_it_is_asked_about() -> None:
    clock = Clock()
    store = PictureStore(10 * BYTES, 60, clock)
    name = store.take(b"a", pixels).id
    for clock.now in (50, 100, 150):
        assert store.get(name).id == name
    clock.now = 211
    with pytest.raises(RefusedError, match="send the picture again"):
        store.get(name)
    assert len(store) == 0


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 5))
def test_the_bytes_stay_in_bounds_and_the_last_used_stay(used: list[int], room: int) -> None:
    store = PictureStore(room * BYTES, 60)
    order: list[int] = []
    for number in used:
        store.take(bytes([number]), pixels)
        order = [*(one for one in order if one != number), number][-room:]
        assert store.size <= room * BYTES
    assert [store._pictures[name].pixels[0, 0, 0] for name in store._pictures] == order


def test_what_is_encoded_counts_and_networks_and_views_do_not() -> None:
    store = PictureStore(10**6, 60)
    picture = store.take(b"a", pixels)
    scene = BaseScene(picture.pixels)
    network = torch.nn.Linear(100, 100)
    object.__setattr__(scene, "features", [torch.zeros(1000), {"also": np.zeros(50)}])
    object.__setattr__(scene, "network", network)
    picture.scenes["x"] = scene
    assert store.keep(picture).size == BYTES  # fields of the scene's class only
    picture.scenes["y"] = Features(picture.pixels, torch.zeros(1000)[:10], network)
    assert store.keep(picture).size == BYTES + 4000


class Features:
    def __init__(self, *parts: object) -> None:
        self.image, self.tensor, self.network = parts
        self.size_hw = (SIDE, SIDE)
