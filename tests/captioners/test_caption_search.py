"""The steps of the caption search, each against a few lines of the obvious."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.captioners.beam_search import Beams, fuse, grow_beams, start_beams
from lexiseg.captioners.caption_choice import NAMELESS, choose, clean
from lexiseg.captioners.config import ZeroCapConfig
from lexiseg.captioners.context_shift import scaled
from lexiseg.captioners.token_rules import TokenRules, forbidden_tokens
from lexiseg.types import Description

END = 3


def log_probs(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).log_softmax(-1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), segments=st.integers(1, 3), width=st.integers(1, 4))
def test_beams_equal_an_exhaustive_choice(seed, segments, width):
    beams = start_beams(log_probs(seed, segments, 9), width, END)
    for step in (1, 2):
        probabilities = log_probs(seed + step, segments, width, 9)
        grown, parents = grow_beams(beams, probabilities, END)
        for segment in range(segments):
            expected = exhaustive(beams, probabilities, segment)[:width]
            ranks = grown.scores[segment] / grown.lengths[segment]
            assert ranks.tolist() == pytest.approx([entry[0] for entry in expected], abs=1e-5)
            assert [tuple(row) for row in grown.tokens[segment].tolist()] == [
                entry[1] for entry in expected
            ]
            history = beams.tokens[segment, parents[segment]]
            assert (grown.tokens[segment, :, :-1] == history).all()
        beams = grown


def exhaustive(beams: Beams, probabilities: torch.Tensor, segment: int) -> list:
    found = []
    for beam in range(beams.tokens.shape[1]):
        tokens = tuple(beams.tokens[segment, beam].tolist())
        score, length = float(beams.scores[segment, beam]), int(beams.lengths[segment, beam])
        if beams.finished[segment, beam]:
            found.append((score / length, (*tokens, 0)))
            continue
        for token, value in enumerate(probabilities[segment, beam].tolist()):
            found.append(((score + value) / (length + 1), (*tokens, token)))
    return sorted(found, key=lambda entry: -entry[0])


def test_captions_come_by_rank_without_padding():
    beams = Beams(
        torch.tensor([[[7, 8, 9], [5, END, 0]]]),
        torch.tensor([[-3.0, -0.5]]),
        torch.tensor([[3, 2]]),
        torch.tensor([[False, True]]),
    )
    assert beams.captions() == [[(5, END), (7, 8, 9)]]


def test_joint_fusion_divides_by_the_sum_over_the_segments_own_beams():
    shifted, before = log_probs(0, 2, 3, 9), log_probs(1, 2, 3, 9)
    mixed = shifted.exp() ** 0.99 * before.exp() ** 0.01
    joint = fuse(shifted, before, 0.99, "joint").exp()
    torch.testing.assert_close(joint[1], mixed[1] / mixed[1].sum(), atol=1e-6, rtol=1e-5)
    single = fuse(shifted, before, 0.99, "per-beam").exp()
    torch.testing.assert_close(single.sum(-1), torch.ones(2, 3))


def test_every_row_and_layer_is_scaled_by_its_own_norm():
    gradient = torch.randn(2, 2, 3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    gradient[0, 1, 2] *= 100
    ours = scaled(gradient, 0.9)
    expected = gradient[0, 1, 2] / gradient[0, 1, 2].norm() ** 0.9
    torch.testing.assert_close(ours[0, 1, 2], expected)
    assert torch.equal(ours[1, 0, 1], scaled(gradient[1:, :1, 1:2], 0.9)[0, 0, 0])


def test_forbidden_tokens_are_bare_numbers_and_six_signs():
    pieces = ["0", "10", "99999", "100000", "007", " 7", "7a", "٣", *"(),!:\n", ".", ";", " ,", ""]
    assert [pieces[token] for token in forbidden_tokens(pieces)] == ["0", "10", "99999", *"(),!:\n"]


@pytest.mark.parametrize("position", [0, 1])
def test_rules_equal_token_by_token_changes(position):
    config = ZeroCapConfig(repetition_penalty=2.0)
    logits = torch.tensor([[1.0, -1.0, 2.0, 3.0, 0.0], [-2.0, 4.0, 1.0, -3.0, 5.0]])
    recent = torch.tensor([[0, 0], [4, 1]])
    ours = TokenRules(END, [1, 2], 5, config)(logits, position, recent)
    for row, seen in enumerate(recent.tolist()):
        for token in range(5):
            factor = 2.0 if token in seen else 1.0
            factor *= 20.0 if token in (1, 2) else 1.0
            if token == END:
                factor *= config.start_factor if position == 0 else 1 / config.end_factor
            value = float(logits[row, token])
            expected = value / factor if value > 0 else value * factor
            assert float(ours[row, token]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("caption", "dot", "released"),
    [
        (" dog.", "dog", "dog"),
        (" Fire  engine", "fire engine", "fire engin"),
        (' "stop" sign.', "stop sign", "stop sign"),
        (" U.S. map.", "us map", "us map"),
        (".", "", ""),
    ],
)
def test_clean_up(caption, dot, released):
    assert (clean(caption), clean(caption, "released")) == (dot, released)


def test_choice_lists_a_label_once_and_passes_over_empty_ones():
    entry = choose([" cat.", ".", " Cat", " dog."], [0.2, 0.9, 0.3, 0.25])
    assert (entry.text, entry.score, entry.caption) == ("cat", 0.3, " Cat")
    assert entry.alternatives == (("dog", 0.25),)
    assert entry.wording == " Cat" and Description("cat", 0.3).wording == "cat"


def test_a_segment_without_any_word_is_unnamed():
    assert choose([".", " ."], [0.1, 0.2]).text == NAMELESS
