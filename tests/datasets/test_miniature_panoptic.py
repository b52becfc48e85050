"""Segments of Miniworld: every pixel belongs to what is drawn there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.errors import DatasetError, UnknownNameError
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


def test_another_policy_names_the_same_pixels_and_has_words_for_what_is_novel() -> None:
    world = Miniworld("test", 96, seed=5, things=(3, 6), novel=0.5)
    own, other = MiniworldSegments(world, 6), MiniworldSegments(world, 6, policy="B")
    assert other.classes.stuff >= {"sea", "street"}
    more = 0
    for index in range(6):
        a, b, scene = own[index], other[index], world[index]
        seen = {item.instance_id for item in scene.objects if item.visible}
        novel = [o for o in scene.objects if o.visible and o.name not in scene.vocabulary]
        more += len(novel)
        assert {item.id for item in b.segments if item.id < 1000} == seen
        assert not {item.id for item in a.segments} & {o.instance_id for o in novel}
        things = {item.id: other.classes.names[item.class_index] for item in b.segments}
        for item in scene.objects:
            if item.visible:
                assert things[item.instance_id] == other.taxonomy.of_cell[item.cell]
        labels = other.taxonomy.semantic(scene)
        for item in b.segments:
            assert set(labels[b.ids == item.id].tolist()) == {item.class_index + 1}
    assert more > 0


def test_absent_names_are_of_the_policy() -> None:
    world = Miniworld("test", 96, seed=5, things=(3, 6), novel=0.5)
    for sample in MiniworldSegments(world, 4, half_absent=True, policy="B"):
        present = {item.class_index for item in sample.segments}
        assert present < set(sample.asked) and len(sample.asked) == 2 * len(present)


def test_there_is_no_third_policy() -> None:
    with pytest.raises(UnknownNameError, match="taxonomy"):
        MiniworldSegments(WORLD, 1, policy="C").classes  # noqa: B018 - the name is looked up then


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
