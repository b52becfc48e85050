"""What there is to learn from, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexiseg.training.openworldsam.check import hold_out, look_through
from lexiseg.training.openworldsam.instance_data import instance_examples
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from tests.training.openworldsam.data_files import annotation, write_coco

THIN = [[3.4, 2.0, 3.45, 2.0, 3.45, 9.0]]


def test_pictures_texts_and_masks_are_counted(tmp_path: Path) -> None:
    rows = [annotation(n, 1, 1) for n in range(3)]
    rows += [annotation(4, 1, 2), annotation(5, 2, 2), annotation(6, 3, 5, segmentation=THIN)]
    found = look_through(instance_examples(write_coco(tmp_path, rows, pictures=3)))
    assert (found.pictures, found.texts, found.masks) == (2, 3, 5)
    assert (found.most_texts, found.most_masks) == (2, 3)
    assert dict(found.common) == {"dog": 1, "cat": 2}
    assert found.complaints == ("Image 3 has no mask that covers a pixel.",)
    assert "2 pictures, 3 texts that mean 5 masks" in found.to_text()


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.1, 0), (0.25, 2), (0.9, 7)])
def test_what_is_held_out_is_not_learned_from(world: Path, share: float, count: int) -> None:
    examples, _ = open_examples(DataChoice(world))
    left, held = hold_out(examples, share, seed=0)
    assert len(left) == 8 - count and (held is None) == (count == 0)
    ids = [row.id for part in (left, held) if part is not None for row in part.rows]
    assert sorted(ids) == [row.id for row in examples.rows]
    if count == 2:
        again, other = (hold_out(examples, share, seed)[1] for seed in (0, 1))
        assert again.rows == held.rows != other.rows
        assert len(hold_out(examples, 0.9, 0, most=3)[1]) == 3
