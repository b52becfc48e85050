from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.colors import HUES
from lexiseg.datasets.miniworld.render import MAX_OBJECTS
from lexiseg.errors import UsageError

FINGERPRINT = """
import hashlib
from lexiseg.datasets.miniworld import Miniworld
digest = hashlib.sha256()
for split in ("train", "val", "test"):
    scene = Miniworld(split, size=80, seed=4)[11]
    for array in (scene.image, scene.semantic, scene.instances, scene.parts):
        digest.update(array.tobytes())
    digest.update(repr((scene.names, scene.describe(2), scene.absent(7))).encode())
print(digest.hexdigest())
"""


def _fingerprint(hash_seed: str) -> str:
    command = [sys.executable, "-c", FINGERPRINT]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def test_scenes_are_the_same_in_every_process() -> None:
    assert _fingerprint("1") == _fingerprint("2")


def test_scene_does_not_depend_on_what_was_drawn_before() -> None:
    alone = Miniworld("test", size=64)[5]
    world = Miniworld("test", size=64)
    for k in range(5):
        world[k]
    assert np.array_equal(alone.image, world[5].image)


def test_splits_seeds_and_numbers_give_different_scenes() -> None:
    scenes = [
        Miniworld(split, size=48, seed=seed)[i]
        for split in ("train", "val", "test")
        for seed in (0, 1)
        for i in (0, 1)
    ]
    assert len({_digest(scene.image) for scene in scenes}) == len(scenes)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_label_maps_agree_with_the_objects(split: str) -> None:
    world = Miniworld(split, size=112, things=(0, 9))
    for i in range(6):
        scene = world[i]
        assert scene.image.shape == (112, 112, 3) and scene.image.dtype == np.uint8
        assert scene.semantic.min() >= 1 and scene.semantic.max() <= len(world.names)
        ids = {item.instance_id for item in scene.objects}
        assert ids == set(np.unique(scene.instances).tolist()) - {0}
        stuff = {world.names.index(region.name) + 1 for region in scene.plan.regions}
        assert set(np.unique(scene.semantic[scene.instances == 0]).tolist()) <= stuff
        for item in scene.objects:
            label = world.names.index(item.name) + 1
            assert (scene.semantic[item.mask] == label).all()
            assert item.area == item.mask.sum()
            assert 0 < item.visible_fraction <= 1
            left, top, width, height = item.bbox
            assert item.mask[top : top + height, left : left + width].sum() == item.area


def test_parts_lie_within_their_objects_and_cover_them() -> None:
    for i in range(6):
        scene = Miniworld("train", size=112)[i]
        assert np.array_equal(scene.parts > 0, scene.instances > 0)
        for part, owner in scene.part_owner.items():
            assert (scene.instances[scene.parts == part] == owner).all()


def test_names_are_present_and_absent_names_are_not() -> None:
    world = Miniworld("test", size=96)
    for i in range(8):
        scene = world[i]
        shown = {world.names[k - 1] for k in np.unique(scene.semantic)}
        assert set(scene.names) <= shown
        assert not set(scene.absent(30)) & shown
        assert len(set(scene.absent(30))) == 30
        assert len(scene.absent(10_000)) == len(world.names) - len(shown)


def test_layout_of_a_scene_does_not_depend_on_the_size() -> None:
    small, large = Miniworld("train", size=64)[9], Miniworld("train", size=128)[9]
    halved = large.semantic[1::2, 1::2]
    assert (halved == small.semantic).mean() > 0.95


def test_single_object_scene_has_one_object() -> None:
    for i in range(5):
        assert len(Miniworld("test", size=64, things=(1, 1))[i].objects) == 1


def test_unseen_nouns_have_no_label_but_a_caption() -> None:
    world = Miniworld("test", size=96, things=(3, 3), novel=1.0)
    scene = world[0]
    assert not {item.name for item in scene.objects} & set(world.names)
    assert (scene.semantic[scene.instances > 0] == 0).all()


def test_neighbors_stand_beside_one_of_their_kind() -> None:
    world = Miniworld("test", size=96, seed=1, things=(5, 8), neighbors=1.0)
    for number in range(4):
        placements = world[number].plan.placements
        assert len({placement.sprite.name for placement in placements}) == 1
        for one, other in pairwise(placements):
            distance = np.hypot(one.x - other.x, one.y - other.y)
            assert distance <= 0.5 * (one.side + other.side) + 1e-9


def test_choice_of_neighbors_leaves_other_scenes_as_they_were() -> None:
    picture = Miniworld("test", size=80, seed=4)[11].image
    assert _digest(picture).startswith("ab26411a6971c59b")


def test_largest_number_of_objects_keeps_part_numbers_apart() -> None:
    scene = Miniworld("train", size=128, things=(MAX_OBJECTS, MAX_OBJECTS))[0]
    assert all((scene.instances[scene.parts == p] == o).all() for p, o in scene.part_owner.items())


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "dev"},
        {"size": 4},
        {"seed": -1},
        {"things": (3, 2)},
        {"things": (0, MAX_OBJECTS + 1)},
        {"novel": 1.5},
        {"neighbors": -0.1},
    ],
)
def test_wrong_settings_are_explained(wrong: dict) -> None:
    with pytest.raises(UsageError, match=r"Miniworld .*"):
        Miniworld(**wrong)


def test_negative_scene_number_is_refused() -> None:
    with pytest.raises(UsageError, match="numbers start at 0"):
        Miniworld()[-1]


def test_color_words_hold_for_the_pixels() -> None:
    world = Miniworld("test", size=96)
    spans = {name: (low, high) for name, low, high in HUES}
    checked = 0
    for i in range(25):
        scene = world[i]
        hsv = np.asarray(Image.fromarray(scene.image).convert("HSV")).astype(float)
        for item in scene.objects:
            if not item.visible or item.color not in spans:
                continue
            low, high = spans[item.color]
            hue = hsv[..., 0][item.mask] * 360 / 255
            off = np.abs((hue - (low + high) / 2 + 180) % 360 - 180)
            colored = hsv[..., 1][item.mask] > 50
            assert ((off < (high - low) / 2 + 15) & colored).mean() > 0.3, (i, item)
            checked += 1
    assert checked > 10
