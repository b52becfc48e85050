from __future__ import annotations

import numpy as np
import pytest

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.sprites import all_sprites, novel_sprites, read_json, thing_names
from lexiseg.datasets.miniworld.stuff import all_stuff
from lexiseg.errors import UnknownNameError

WORLD = Miniworld("test", size=80, things=(2, 6), novel=0.3)


def test_a_is_the_worlds_own_labelling() -> None:
    taxonomy = WORLD.taxonomy("A")
    assert taxonomy.names == WORLD.names
    for i in range(5):
        assert np.array_equal(taxonomy.semantic(WORLD[i]), WORLD[i].semantic)


def test_b_names_every_pixel() -> None:
    taxonomy = WORLD.taxonomy("B")
    for i in range(8):
        scene = WORLD[i]
        labels = taxonomy.semantic(scene)
        assert labels.min() >= 1
        for item in scene.objects:
            assert (labels[item.mask] == taxonomy.number[taxonomy.of_cell[item.cell]]).all()
        present = set(taxonomy.present(scene))
        assert present <= {taxonomy.names[k - 1] for k in np.unique(labels)}


def test_b_has_finer_coarser_other_and_unseen_names() -> None:
    names = set(WORLD.taxonomy("B").names)
    assert {"poodle", "dog", "bird", "sofa", "leopard"} <= names
    assert not {"duck", "couch"} & names
    assert {s.name for s in novel_sprites()} & names


def test_b_refers_to_what_exists() -> None:
    data = read_json("taxonomy_b.json")
    assert set(data["pictographs"]) <= {s.pictograph for s in all_sprites()}
    known = {s.name for s in all_sprites()} | set(all_stuff())
    assert set(data["names"]) <= known
    assert not set(data["names"].values()) & (set(thing_names()) - set(data["names"]))


def test_unknown_taxonomy_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="taxonomy"):
        WORLD.taxonomy("C")
