from __future__ import annotations

import numpy as np
import pytest

from lexiseg.datasets import IGNORE
from lexiseg.errors import UsageError
from lexiseg.registry import DATASETS


def test_every_scene_is_asked_about_what_is_there_and_what_is_not() -> None:
    dataset = DATASETS["miniworld"](scenes=12)
    for sample in dataset:
        asked = {number + 1 for number in sample.asked}
        shown = set(np.unique(sample.truth).tolist()) - {0, IGNORE}
        assert len(asked) == 20
        assert shown <= asked
        assert len(asked - shown) >= 10


def test_labels_are_those_of_the_scene_and_stuff_is_background() -> None:
    dataset = DATASETS["miniworld"](scenes=3, seed=5)
    scene, sample = dataset.world[1], dataset[1]
    for item in scene.objects:
        labels = set(np.unique(sample.truth[item.mask]).tolist())
        assert labels <= {dataset.classes.number[item.name], IGNORE}
    assert not sample.truth[scene.instances == 0].any()
    assert np.array_equal(sample.image, scene.image)


def test_same_seed_same_samples_and_a_folder_is_refused(tmp_path) -> None:
    one, other = DATASETS["miniworld"](scenes=2)[1], DATASETS["miniworld"](scenes=9)[1]
    assert one.asked == other.asked
    assert np.array_equal(one.image, other.image)
    with pytest.raises(UsageError, match="--data"):
        DATASETS["miniworld"](tmp_path)
