from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest
from scipy import ndimage

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.sprites import (
    all_sprites,
    choices,
    novel_sprites,
    read_json,
    thing_names,
)
from lexiseg.datasets.miniworld.stuff import all_stuff


def test_there_are_enough_names_and_all_differ() -> None:
    world = Miniworld()
    assert len(world.thing_names) >= 150 and len(world.stuff_names) >= 12
    assert len(set(world.names)) == len(world.names)
    assert world.names == world.thing_names + world.stuff_names
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)?", name) for name in world.names)
    synonyms = [word for stuff in all_stuff().values() for word in stuff.synonyms]
    assert not set(synonyms) & set(world.names)


def test_test_pictographs_are_held_out_wherever_a_noun_has_several() -> None:
    train, val, test = (choices(split) for split in ("train", "val", "test"))
    assert train == val
    for name in thing_names():
        own = [s for s in all_sprites() if s.name == name]
        shared = set(train[name]) & set(test[name])
        assert train[name] and test[name]
        assert bool(shared) == (len(own) == 1)
    held_out = [name for name in thing_names() if not set(train[name]) & set(test[name])]
    assert len(held_out) >= 25


def test_no_pictograph_serves_two_nouns() -> None:
    pictographs = [sprite.pictograph for sprite in all_sprites()]
    assert len(set(pictographs)) == len(pictographs)


def test_unseen_nouns_are_in_no_split() -> None:
    assert not {s.name for s in novel_sprites()} & set(thing_names())


def test_index_lists_what_the_sources_ask_for() -> None:
    listed = {}
    for file in ("things.json", "novel.json"):
        for names in read_json(file).values():
            for name, columns in names.items():
                listed[name] = " ".join(columns).split()
    drawn: dict[str, list[str]] = {}
    for sprite in all_sprites():
        drawn.setdefault(sprite.name, []).append(sprite.pictograph)
    assert drawn == listed


def test_recolorable_nouns_exist() -> None:
    assert set(read_json("recolor.json")) <= {sprite.name for sprite in all_sprites()}


@pytest.mark.parametrize("number", range(0, 270, 9))
def test_each_sprite_has_two_to_five_parts(number: int) -> None:
    sprite = all_sprites()[number]
    level = sprite.levels[0]
    opaque = np.asarray(level.alpha) >= 128
    parts = np.asarray(level.parts)
    assert set(np.unique(parts[opaque])) == set(range(1, sprite.part_count + 1))
    assert 2 <= sprite.part_count <= 5
    pieces = ndimage.label(opaque)[1]
    for part in range(1, sprite.part_count + 1):
        assert ndimage.label((parts == part) & opaque)[1] <= pieces


def test_sheet_ships_with_its_licence_and_is_small() -> None:
    data = files("lexiseg.datasets.miniworld") / "data"
    assert "SIL OPEN FONT LICENSE Version 1.1" in (data / "OFL.txt").read_text("utf-8")
    assert sum(len(entry.read_bytes()) for entry in data.iterdir()) < 4 * 2**20
