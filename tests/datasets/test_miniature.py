from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.datasets import IGNORE
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.errors import DatasetError
from lexiseg.registry import DATASETS


def test_every_scene_is_asked_about_what_is_there_and_what_is_not() -> None:
    dataset = DATASETS["miniworld"](scenes=8)
    for sample in dataset:
        asked = {number + 1 for number in sample.asked}
        shown = set(np.unique(sample.truth).tolist()) - {0, IGNORE}
        assert len(asked) == 20
        assert shown <= asked
        assert len(asked - shown) >= 10


def test_labels_are_those_of_the_scene_and_stuff_is_background() -> None:
    dataset = DATASETS["miniworld"](scenes=3, seed=5)
    scene, sample = dataset.source.world[1], dataset[1]
    for item in scene.objects:
        labels = set(np.unique(sample.truth[item.mask]).tolist())
        assert labels <= {dataset.classes.number[item.name], IGNORE}
    assert not sample.truth[scene.instances == 0].any()
    assert np.array_equal(sample.image, scene.image)


def test_same_seed_same_samples() -> None:
    one, other = DATASETS["miniworld"](scenes=2)[1], DATASETS["miniworld"](scenes=9)[1]
    assert one.asked == other.asked
    assert np.array_equal(one.image, other.image)


def test_written_scenes_read_as_the_drawn_ones(tmp_path: Path) -> None:
    write_miniworld(tmp_path, 4, Miniworld(split="test", size=224, seed=3))
    written = DATASETS["miniworld"](tmp_path)
    drawn = DATASETS["miniworld"](scenes=4, seed=3)
    assert written.classes.names == drawn.classes.names
    for ours, theirs in zip(written, drawn, strict=True):
        assert ours.asked == theirs.asked
        assert np.array_equal(ours.truth, theirs.truth)
        assert ours.image.is_file()
    references = DATASETS["refcoco"](
        tmp_path / "miniworld", split="test", split_by="miniworld", images=tmp_path / "JPEGImages"
    )
    assert all(target.mask.area for sample in references for target in sample.targets)


def test_written_clips_read_as_ref_davis(tmp_path: Path) -> None:
    world = Miniworld(split="val", size=64, seed=0)
    write_miniworld(tmp_path, 2, world, frames=3)
    clips = DATASETS["ref-davis"](tmp_path)
    assert [len(clip.frames) for clip in clips] == [3, 3]
    for clip in clips:
        shown = {int(k) for truth in clip.truth for k in np.unique(truth)}
        assert {expression.object_id for expression in clip.expressions} <= shown


def test_folder_without_scenes_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="lexiseg miniworld --out"):
        DATASETS["miniworld"](tmp_path)
