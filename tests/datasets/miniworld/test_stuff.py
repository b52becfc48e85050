from __future__ import annotations

import json

import numpy as np
import pytest

from lexiseg.datasets.miniworld.noise import TILE, cells, cloud
from lexiseg.datasets.miniworld.stuff import all_stuff, tile
from lexiseg.datasets.miniworld.textures import RECIPES


def test_every_stuff_has_a_recipe_and_several_looks() -> None:
    assert set(RECIPES) == set(all_stuff())
    for stuff in all_stuff().values():
        assert len(stuff.train) >= 2 and len(stuff.test) >= 2 and stuff.phrases


def test_test_looks_are_held_out() -> None:
    for stuff in all_stuff().values():
        seen = {json.dumps(look, sort_keys=True) for look in stuff.looks("train")}
        held_out = {json.dumps(look, sort_keys=True) for look in stuff.looks("test")}
        assert not seen & held_out
        assert stuff.looks("val") == stuff.looks("train")


def test_val_tiles_are_painted_anew() -> None:
    assert tile("grass", "train", 0).tobytes() != tile("grass", "val", 0).tobytes()


@pytest.mark.parametrize("name", list(all_stuff()))
def test_tiles_have_texture(name: str) -> None:
    pixels = np.asarray(tile(name, "test", 0))
    assert pixels.shape == (TILE, TILE, 3) and pixels.dtype == np.uint8
    assert pixels.std() > 4


def test_cloud_is_periodic_and_in_range() -> None:
    field = cloud(np.random.default_rng(0), 2.0)
    assert field.min() >= 0 and field.max() <= 1
    inside = np.abs(np.diff(field, axis=0)).max()
    assert np.abs(field[0] - field[-1]).max() <= inside


def test_cells_match_the_plain_nearest_point_search() -> None:
    rng, count = np.random.default_rng(3), 4
    first, border, owner = cells(np.random.default_rng(3), count)
    points = 0.5 + rng.random((count, count, 2)) - 0.5
    points = (points + np.stack(np.mgrid[:count, :count], -1)).reshape(-1, 2)
    for y, x in [(0, 0), (200, 37), (383, 383), (120, 300)]:
        place = (np.array([y, x]) + 0.5) * count / TILE
        gap = np.abs(points - place)
        distance = np.linalg.norm(np.minimum(gap, count - gap), axis=1)
        assert owner[y, x] == distance.argmin()
        nearest = np.sort(distance)
        assert np.isclose(first[y, x], nearest[0])
        assert np.isclose(border[y, x], nearest[1] - nearest[0])
