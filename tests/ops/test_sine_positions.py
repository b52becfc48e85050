from __future__ import annotations

import pytest
import torch
from transformers.models.mask2former.modeling_mask2former import Mask2FormerSinePositionEmbedding

from lexiseg.ops.sine_positions import sine_positions


@pytest.mark.parametrize("shape", [(2, 8, 3, 5), (1, 256, 25, 42), (1, 96, 1, 7)])
def test_equal_to_those_of_transformers(shape: tuple[int, ...]) -> None:
    theirs = Mask2FormerSinePositionEmbedding(shape[1] // 2, normalize=True)
    expected = theirs(torch.Size(shape), torch.device("cpu"), torch.float32)
    ours = sine_positions(torch.zeros(shape)).expand(shape[0], -1, -1, -1)
    torch.testing.assert_close(ours, expected)
