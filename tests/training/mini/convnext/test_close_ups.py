"""Close-ups show the thing that their name says."""

from __future__ import annotations

import numpy as np

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.training.mini.convnext.close_ups import SEEN, CloseUpConfig, close_ups, open_close_ups


def test_there_is_one_for_every_thing_that_is_seen_well() -> None:
    world = Miniworld(things=(3, 6), seed=4)
    for number in range(5):
        seen = [o for o in world[number].objects if o.visible and o.visible_fraction >= SEEN]
        found = list(close_ups(world, number, 40))
        assert [item.name for item in found] == [o.name for o in seen]
        assert all(item.image.shape == (40, 40, 3) for item in found)


def test_the_thing_fills_most_of_the_frame() -> None:
    """Where a thing is cut out of its own mask, most of the frame is of the thing."""
    world, shares = Miniworld(things=(1, 1), seed=9), []
    for number in range(20):
        scene = world[number]
        if not scene.objects or not scene.objects[0].visible:
            continue
        thing = np.median(scene.image[scene.objects[0].mask], axis=0)
        for item in close_ups(world, number, 48):
            near = np.abs(item.image.astype(float) - thing).sum(axis=2) < 90
            far = np.abs(scene.image.astype(float) - thing).sum(axis=2) < 90
            shares.append((near.mean(), far.mean()))
    close, whole = np.mean(shares, axis=0)
    assert len(shares) >= 15 and close > 1.5 * whole


def test_a_pool_is_drawn_once_and_has_one_name_for_each(tmp_path) -> None:
    config = CloseUpConfig(scenes=3, size=24)
    pool = open_close_ups(tmp_path, config, workers=1)
    written = (tmp_path / "images.npy").stat().st_mtime_ns
    again = open_close_ups(tmp_path, config, workers=1)
    assert (tmp_path / "images.npy").stat().st_mtime_ns == written
    np.testing.assert_array_equal(pool.images, again.images)
    assert pool.present[:, : pool.thing_count].sum() == len(pool.images) == pool.present.sum()
    column = pool.present.argmax(axis=1)
    assert [said for (said,) in pool.captions] == [f"a photo of a {pool.names[k]}." for k in column]
