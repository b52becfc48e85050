"""The bundled models on scenes they were not trained on."""

from __future__ import annotations

import numpy as np

import lexiseg
from lexiseg.datasets.miniworld import Miniworld


def test_most_of_a_scene_gets_its_right_name_without_a_question():
    zero = lexiseg.load("zero-guidance", preset="mini", device="cpu", dtype="float32")
    world = Miniworld("val", 224, seed=7)
    right = []
    for index in range(3):
        scene = world[index]
        result = zero.label(scene.image)
        number = {name: world.names.index(name) + 1 for name in result.names}
        labels = np.zeros(scene.semantic.shape, np.uint16)
        for item in result.instances:
            labels[item.mask.to_array()] = number[item.label]
        assert len(result.instances) >= 2 and (labels > 0).all()
        right.append((labels == scene.semantic).mean())
    assert np.mean(right) > 0.5, right
