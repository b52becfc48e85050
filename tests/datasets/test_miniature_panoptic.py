"""Segments of Miniworld: every pixel belongs to what is drawn there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS

WORLD = Miniworld(split="test", size=96, seed=3)


@pytest.mark.parametrize("index", range(3))
def test_segments_are_objects_and_stuff(index: int) -> None:
    dataset = MiniworldSegments(WORLD, 3)
    sample, scene = dataset[index], WORLD[index]
    hidden = {item.instance_id for item in scene.objects if not item.visible}
    for item in sample.segments:
        place = sample.ids == item.id
        assert item.area == place.sum()
        assert set(scene.semantic[place].tolist()) == {item.class_index + 1}
        stuff = dataset.classes.names[item.class_index] in dataset.classes.stuff
        assert (scene.instances[place] == 0).all() == stuff
    assert np.isin(scene.instances[sample.ids == 0], [0, *hidden]).all()
    assert len({item.id for item in sample.segments}) == len(sample.segments)


def test_half_of_the_names_are_absent_where_that_is_asked() -> None:
    dataset = MiniworldSegments(WORLD, 1, half_absent=True)
    [sample] = dataset
    present = {item.class_index for item in sample.segments}
    assert dataset.asks_per_image
    assert present < set(sample.asked)
    assert len(sample.asked) == 2 * len(present)
    assert not {k + 1 for k in set(sample.asked) - present} & set(np.unique(WORLD[0].semantic))


def test_a_written_world_shows_the_same_segments(tmp_path: Path) -> None:
    write_miniworld(tmp_path, 1, WORLD)
    [written] = DATASETS["miniworld-panoptic"](tmp_path, split="test")
    drawn = MiniworldSegments(WORLD, 1)[0]
    for item in drawn.segments:
        assert len(np.unique(written.ids[drawn.ids == item.id])) == 1
    assert DATASETS["miniworld-panoptic"](tmp_path).name == "miniworld-panoptic"


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="miniworld-panoptic"):
        DATASETS["miniworld-panoptic"](tmp_path)
