from __future__ import annotations

import pytest
import torch
from torch import nn

from lexiseg.models.fc_clip import ContentTransfer
from lexiseg.models.fc_clip.transfer import mixed_cells
from lexiseg.ops.sine_positions import sine_positions


@pytest.mark.parametrize("form", ["panoptic", "semantic"])
def test_texts_look_at_placed_cells_and_take_what_is_there(form) -> None:
    torch.manual_seed(0)
    transfer = ContentTransfer(16, form, heads=4).eval()
    texts, cells = torch.randn(5, 16), torch.randn(2, 16, 3, 4)
    theirs = nn.MultiheadAttention(16, 4)
    theirs.load_state_dict(transfer.multihead_attn.state_dict())
    for picture in range(2):
        values = cells[picture].flatten(1).T
        keys = values + sine_positions(cells)[0].flatten(1).T
        seen = transfer.MLP(theirs(texts, keys, values)[0])
        expected = (
            texts + transfer.norm(seen) if form == "panoptic" else transfer.norm(texts + seen)
        )
        torch.testing.assert_close(transfer(texts, cells)[picture], expected)


def test_the_released_reshape_mixes_channels_and_places() -> None:
    dense = torch.arange(24.0).view(1, 2, 3, 4)
    expected = dense.reshape(12, 2)  # as the released code calls its head, a row per "cell"
    mixed = mixed_cells(dense)
    assert mixed.shape == dense.shape
    torch.testing.assert_close(mixed[0].flatten(1).T, expected)
    assert mixed[0, :, 0, 0].tolist() == [0, 1]  # two places of the first channel
