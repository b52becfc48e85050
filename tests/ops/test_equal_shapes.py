"""Pictures of equal shape go through a step together, and come back in their order."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.ops.equal_shapes import grouped, rows, together


@given(st.lists(st.integers(1, 4), max_size=12))
def test_each_picture_gets_what_it_gets_alone_and_equal_shapes_share_a_call(widths):
    pictures = [torch.full((1, width), float(number)) for number, width in enumerate(widths)]
    calls = []

    def step(batch):
        calls.append(batch.shape)
        return [(row.sum().item(), tuple(row.shape)) for row in batch]

    assert together(step, pictures) == [step(picture)[0] for picture in pictures]
    shared = calls[: len(set(widths))]
    assert sorted(shape[1] for shape in shared) == sorted(set(widths))
    assert sum(shape[0] for shape in shared) == len(widths)


@given(st.lists(st.sampled_from("abc")))
def test_groups_hold_every_number_once_in_order(keys):
    groups = grouped(keys)
    assert sorted(number for numbers in groups.values() for number in numbers) == list(
        range(len(keys))
    )
    for key, numbers in groups.items():
        assert numbers == sorted(numbers) and {keys[number] for number in numbers} == {key}


def test_rows_of_a_batch_do_not_keep_it_in_memory():
    batch = torch.rand(3, 4, 5)
    for number, row in enumerate(rows(batch)):
        assert torch.equal(row, batch[number : number + 1])
        assert row.untyped_storage().nbytes() == batch[0].numel() * batch.element_size()
    assert rows(batch[:1])[0].data_ptr() == batch.data_ptr()
