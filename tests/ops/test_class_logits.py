from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lexiseg.ops.class_logits import (
    average_prompts,
    class_logits,
    geometric_ensemble,
    void_probability,
    with_void,
)


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(shape), dim=-1)


def test_prompts_are_normalized_averaged_and_normalized() -> None:
    torch.manual_seed(0)
    features = torch.randn(6, 4)
    expected = [
        sum(row / row.norm() for row in features[start : start + 3]) / 3 for start in (0, 3)
    ]
    averaged = average_prompts(features, 3)
    for ours, row in zip(averaged, expected, strict=True):
        torch.testing.assert_close(ours, row / row.norm())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 100))
def test_a_class_counts_by_its_best_wording(wordings: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    embeddings, texts = torch.randn(3, 5), torch.randn(sum(wordings), 5)
    ours = class_logits(embeddings, texts, wordings, 7.0)
    start = 0
    for number, count in enumerate(wordings):
        for query in range(3):
            cosines = [
                float(7 * embeddings[query] @ text / embeddings[query].norm())
                for text in texts[start : start + count]
            ]
            assert abs(max(cosines) - float(ours[query, number])) < 1e-4
        start += count


def test_texts_of_each_picture_and_their_length_count() -> None:
    torch.manual_seed(0)
    embeddings, texts = unit(2, 3, 5), torch.randn(2, 4, 5)
    ours = class_logits(embeddings, texts, [1, 2, 1], 2.0)
    for picture in range(2):
        alone = class_logits(embeddings[picture], texts[picture], [1, 2, 1], 2.0)
        torch.testing.assert_close(ours[picture], alone)
    torch.testing.assert_close(class_logits(embeddings, 3 * texts, [1, 2, 1], 2.0), 3 * ours)


def released(p: torch.Tensor, q: torch.Tensor, seen: torch.Tensor, a: float, b: float):
    """The released formula, in double precision so that nothing vanishes."""
    p, q, seen = p.double().softmax(-1), q.double().softmax(-1), seen.double()
    first = (p ** (1 - a) * q**a).log() * seen
    return (first + (p ** (1 - b) * q**b).log() * (1 - seen)).softmax(-1)


@given(st.sampled_from([(0.4, 0.8), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0)]), st.integers(0, 50))
def test_ensemble_equals_the_released_formula(shares: tuple[float, float], seed: int) -> None:
    torch.manual_seed(seed)
    p, q, seen = 5 * torch.randn(4, 6), 5 * torch.randn(4, 6), torch.rand(6) > 0.5
    ours = geometric_ensemble(p, q, seen, *shares).exp()
    torch.testing.assert_close(ours, released(p, q, seen, *shares).float(), atol=1e-5, rtol=1e-4)


def test_ensemble_survives_what_vanishes_as_a_probability() -> None:
    p = torch.tensor([[0.0, 400.0]])
    assert p.softmax(-1)[0, 0] == 0
    seen = torch.tensor([True, False])
    for shares in [(0.4, 0.8), (0.0, 0.0), (1.0, 1.0)]:
        assert geometric_ensemble(p, -p, seen, *shares).isfinite().all()


def test_candidates_without_features_go_by_the_decoder() -> None:
    torch.manual_seed(0)
    p, q = torch.randn(2, 4), torch.randn(2, 4)
    seen = torch.tensor([True, True, False, False])
    mixed = geometric_ensemble(p, q, seen, valid=torch.tensor([True, False]))
    torch.testing.assert_close(mixed[1], p[1].log_softmax(-1))
    torch.testing.assert_close(mixed[0], geometric_ensemble(p, q, seen)[0])


def test_void_takes_its_share_of_all_classes() -> None:
    torch.manual_seed(0)
    logits, void = torch.randn(3, 4), torch.tensor([0.0, 0.3, 1.0])
    final = with_void(logits.log_softmax(-1), void).exp()
    torch.testing.assert_close(final[:, -1], void)
    torch.testing.assert_close(final[:, :-1], logits.softmax(-1) * (1 - void[:, None]))
    assert with_void(logits.log_softmax(-1), void).isfinite().all()
    torch.testing.assert_close(void_probability(logits), logits.softmax(-1)[:, 3])
