from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lexiseg.training.mini.drawing import draw_chunks, draw_once, make_arrays


@dataclass(frozen=True)
class Numbers:
    scenes: int


def fill(folder: Path, config: Numbers, start: int) -> int:
    values = np.load(folder / "values.npy", mmap_mode="r+")
    values[start : start + 2] = range(start, min(start + 2, config.scenes))
    return start


def test_chunks_fill_the_arrays_and_come_in_order(tmp_path: Path) -> None:
    make_arrays(tmp_path, {"values": (5,)})
    starts = range(0, 5, 2)
    assert list(draw_chunks(fill, tmp_path, Numbers(5), starts, workers=2)) == [0, 2, 4]
    assert np.load(tmp_path / "values.npy").tolist() == [0, 1, 2, 3, 4]


def test_a_pool_is_drawn_once_for_each_config(tmp_path: Path) -> None:
    drawn = []
    for scenes in (3, 3, 4, 4, 3):
        draw_once(tmp_path / "pool", Numbers(scenes), lambda *told: drawn.append(told))
    assert [config.scenes for _, config, _ in drawn] == [3, 4, 3]


def test_a_pool_that_was_not_finished_is_drawn_again(tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    drawn = []
    try:
        draw_once(tmp_path, Numbers(3), stop)
    except KeyboardInterrupt:
        draw_once(tmp_path, Numbers(3), lambda *told: drawn.append(told))
    assert len(drawn) == 1
