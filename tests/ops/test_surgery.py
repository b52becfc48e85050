from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.ops.surgery import (
    multi_text_surgery,
    select_points,
    similarity_maps,
    single_text_surgery,
)


def unit(*shape: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(drawn, dim=-1)


@given(seed=st.integers(0, 999), texts=st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_closed_form_equals_the_written_out_procedure(seed: int, texts: int) -> None:
    tokens, names = unit(3, 7, 5, seed=seed), unit(texts, 5, seed=seed + 1)
    ours = multi_text_surgery(tokens, tokens[:, 0], names)
    for image, scores in zip(tokens, ours, strict=True):
        share = (2 * image[0] @ names.T).softmax(-1)
        products = image[:, None] * names[None] * (share / share.mean())[None, :, None]
        rest = products - products.mean(1, keepdim=True)
        torch.testing.assert_close(scores, rest.sum(-1))


def test_one_text_alone_has_nothing_of_its_own() -> None:
    tokens = unit(2, 4, 5, seed=0)
    assert multi_text_surgery(tokens, tokens[:, 0], unit(1, 5, seed=1)).abs().max() < 1e-12


def test_single_text_is_the_difference_of_cosines() -> None:
    tokens, names, empty = unit(4, 5, seed=0), unit(3, 5, seed=1), unit(1, 5, seed=2)
    expected = tokens @ names.T - tokens @ empty.T
    torch.testing.assert_close(single_text_surgery(tokens, names, empty), expected)


def test_maps_span_zero_to_one_and_keep_their_place() -> None:
    scores = torch.zeros(1, 12, 1)
    scores[0, 7] = 2.0
    maps = similarity_maps(scores, (3, 4), (3, 4))
    assert maps.shape == (1, 3, 4, 1) and maps[0, 1, 3, 0] == 1 and maps.sum() == 1


def test_points_mark_the_bright_side() -> None:
    scores = torch.zeros(4, 8)
    scores[:, 6:] = 1.0
    points, labels = select_points(scores.flatten(), (4, 8), (40, 80))
    assert labels.tolist() == [1, 1, 0, 0]
    assert points[:2, 0].min() >= 60 and points[2:, 0].max() < 60
