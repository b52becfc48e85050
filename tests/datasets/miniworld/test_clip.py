from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.referring import centre
from lexiseg.errors import UsageError

WORLD = Miniworld("val", size=96, seed=1, things=(2, 5))


def test_objects_keep_their_number_and_name() -> None:
    clip = WORLD.video(0, frames=8)
    assert len(clip) == 8
    for frame in clip:
        for item in frame.objects:
            assert clip.names[item.instance_id] == item.name


def test_objects_move_smoothly() -> None:
    for i in range(3):
        paths: dict[int, list[tuple[int, tuple[float, float]]]] = {}
        for t, frame in enumerate(WORLD.video(i, frames=16)):
            for item in frame.objects:
                if item.visible_fraction > 0.95:
                    paths.setdefault(item.instance_id, []).append((t, centre(item)))
        steps = [
            np.hypot(x1 - x0, y1 - y0) / (t1 - t0)
            for path in paths.values()
            for (t0, (x0, y0)), (t1, (x1, y1)) in pairwise(path)
        ]
        assert steps and max(steps) < 0.15 * 96 and np.mean(steps) > 0.1


def test_some_objects_enter_or_leave() -> None:
    changes = 0
    for i in range(8):
        clip = WORLD.video(i, frames=6)
        ends = [{o.instance_id for o in clip[t].objects} for t in (0, -1)]
        changes += ends[0] != ends[1]
    assert changes >= 1


def test_clip_is_deterministic_frame_by_frame() -> None:
    assert np.array_equal(WORLD.video(2)[5].image, WORLD.video(2)[5].image)
    assert not np.array_equal(WORLD.video(2)[5].image, WORLD.video(2)[6].image)
    assert len(WORLD.video(2)[3:6]) == 3
    with pytest.raises(IndexError):
        WORLD.video(2, frames=4)[4]


def test_sentences_mean_one_object() -> None:
    for i in range(12):
        clip = WORLD.video(i)
        sentences = [e.sentence for e in clip.expressions]
        assert len(set(sentences)) == len(sentences)
        for e in clip.expressions:
            assert clip.names[e.object_id] in e.sentence
            if e.sentence == f"the {clip.names[e.object_id]}":
                assert list(clip.names.values()).count(clip.names[e.object_id]) == 1


def test_clip_without_frames_is_refused() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        WORLD.video(0, frames=0)
