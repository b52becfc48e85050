import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.training.mini.clip.losses import (
    SHARPNESS,
    caption_loss,
    pool_tokens,
    shared_softmax_loss,
    sigmoid_loss,
)

seeds = st.integers(0, 10_000)


def draw(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, names = 4, 6
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(rows, names, generator=generator)
    present = torch.rand(rows, names, generator=generator) < 0.3
    asked = torch.rand(rows, names, generator=generator) < 0.6
    asked[:, 0] |= ~asked.any(dim=1)
    return logits, present, asked


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_shared_softmax_equals_a_loop_over_pictures(seed: int) -> None:
    logits, present, asked = draw(seed)
    total = 0.0
    for row in range(len(logits)):
        names = [k for k in range(logits.shape[1]) if asked[row, k]]
        right = [k for k in names if present[row, k]] or names
        norm = math.log(sum(math.exp(logits[row, k]) for k in names))
        for k in right:
            share = 1 / len(right)
            total += share * (math.log(share) - (float(logits[row, k]) - norm))
    assert abs(float(shared_softmax_loss(logits, present, asked)) - total / len(logits)) < 1e-4


def test_shared_softmax_is_zero_at_its_targets() -> None:
    present = torch.tensor([[True, True, False, False], [False] * 4])
    logits = torch.tensor([[9.0, 9.0, -90.0, -90.0], [3.0] * 4])
    loss = shared_softmax_loss(logits, present, torch.ones_like(present))
    torch.testing.assert_close(loss, torch.tensor(0.0), atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_sigmoid_equals_a_loop_over_names(seed: int) -> None:
    logits, present, asked = draw(seed)
    total = 0.0
    for row in range(len(logits)):
        for k in range(logits.shape[1]):
            if asked[row, k]:
                sign = 1 if present[row, k] else -1
                total += math.log1p(math.exp(-sign * float(logits[row, k])))
    assert abs(float(sigmoid_loss(logits, present, asked)) - total / len(logits)) < 1e-4


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_pooling_lies_between_mean_and_maximum_and_matches_its_formula(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    cosines = torch.rand(2, 7, 3, generator=generator) * 2 - 1
    pooled = pool_tokens(cosines)
    assert (pooled <= cosines.amax(dim=1) + 1e-5).all()
    assert (pooled >= cosines.mean(dim=1) - 1e-5).all()
    column = [math.exp(SHARPNESS * float(c)) for c in cosines[1, :, 2]]
    assert abs(float(pooled[1, 2]) - math.log(sum(column) / 7) / SHARPNESS) < 1e-5


def test_caption_loss_equals_the_mean_of_both_directions() -> None:
    generator = torch.Generator().manual_seed(3)
    images = torch.nn.functional.normalize(torch.randn(5, 8, generator=generator), dim=-1)
    captions = torch.nn.functional.normalize(torch.randn(5, 8, generator=generator), dim=-1)
    total = 0.0
    for k in range(5):
        for left, right in ((images, captions), (captions, images)):
            row = [math.exp(7 * float(left[k] @ right[j])) for j in range(5)]
            total -= math.log(row[k] / sum(row))
    loss = caption_loss(images, captions, torch.tensor(7.0))
    assert abs(float(loss) - total / 10) < 1e-5
