"""Single steps of TIDES against slow twins and the numpy re-derivation of the reference pack."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UnknownNameError, UsageError
from lexiseg.methods.tides import BACKGROUND_WORDS, TidesConfig, variant_config
from lexiseg.methods.tides.identification import Identified, identify
from lexiseg.methods.tides.postprocess import weigh
from lexiseg.methods.tides.prompted_masks import pack_bits, unpack_bits
from lexiseg.methods.tides.proposals import Foreground, Proposals, class_overlap, propose
from lexiseg.methods.tides.question import Question
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Vocabulary


@pytest.fixture(scope="module")
def pack(shared):
    return np.load(shared / "reference" / "tides" / "tides_rederived.npz")


def of_pack(pack, number, config):
    scores = torch.from_numpy(np.concatenate([pack["scores"], pack["score_bg"][None]]))
    foreground = Foreground.of(scores, config)
    use = torch.from_numpy(pack[f"c{number}_use"])
    masks = torch.from_numpy(pack["masks"]).flatten(1)[use]
    own_scores = torch.from_numpy(pack["psm_scores"])[use]
    return foreground, Proposals(masks, use, torch.zeros_like(use), own_scores)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("ranking", ["io", "segmenter"])
def test_step_d_of_the_reference(pack, number, ranking):
    config = TidesConfig(cluster="all", ranking=ranking)
    foreground, proposals = of_pack(pack, number, config)
    assert np.array_equal(foreground.cells.numpy(), pack["fg_softmax_100"].reshape(3, -1))
    found = identify(
        proposals, foreground.values[number], foreground.cells[number], foreground.shape, config
    )
    expected = "nms_keep" if ranking == "io" else "nms_keep_raw"
    assert found.proposals.points.tolist() == pack[f"c{number}_{expected}"].tolist()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_scores_of_the_reference(pack, number):
    config = TidesConfig(cluster="all", nms_iou=1.0, density_rule="quantile", min_density=0.0)
    foreground, proposals = of_pack(pack, number, config)
    values, cells = foreground.values[number], foreground.cells[number]
    found = identify(proposals, values, cells, foreground.shape, config)
    ids = found.proposals.points.numpy()
    position = {value: index for index, value in enumerate(pack[f"c{number}_use"].tolist())}
    io = pack[f"c{number}_io_fg_fg"][[position[value] for value in ids.tolist()]]
    np.testing.assert_allclose(found.io_scores.numpy(), io, atol=1e-5)
    weighed = weigh(found, values, cells, 1.0, TidesConfig(min_semantic=0.0))
    np.testing.assert_allclose(
        weighed.semantic.numpy(), pack[f"c{number}_sem_over_mask"][ids], atol=1e-5
    )


@given(st.integers(0, 20), st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_shares_of_the_densest_rank_alike_and_lead_with_one(count, seed):
    chance = torch.Generator().manual_seed(seed)
    masks, values = (torch.rand(size, generator=chance) for size in ((count, 30), (30,)))
    numbers = torch.arange(count)
    proposals = Proposals(masks > 0.5, numbers, numbers, torch.rand(count, generator=chance))
    plain, shares = (
        identify(
            proposals, values, torch.ones(30, dtype=torch.bool), (5, 6),
            TidesConfig(bandwidth=0.2, cluster="all", min_density=0.0, identity=kind),
        )
        for kind in ("density", "share")
    )  # fmt: skip
    assert torch.equal(plain.proposals.points, shares.proposals.points)
    assert torch.equal(plain.io_scores, shares.io_scores)
    assert torch.equal(plain.identity, plain.io_scores) and len(shares.identity) <= count
    if count:
        torch.testing.assert_close(shares.identity, plain.io_scores / plain.io_scores.max())
        assert shares.identity[0] == 1


@pytest.mark.parametrize("confidence", get_args(get_type_hints(TidesConfig)["confidence"]))
def test_the_final_score_is_the_product_its_name_says(confidence):
    chance = torch.Generator().manual_seed(0)
    masks, values = (torch.rand(size, generator=chance) for size in ((7, 30), (30,)))
    io, own = (torch.rand(7, generator=chance) for _ in range(2))
    numbers, everywhere = torch.arange(7), torch.ones(30, dtype=torch.bool)
    proposals = Proposals(masks > 0.5, numbers, numbers, own)
    config = TidesConfig(confidence=confidence, min_semantic=0.0)
    found = weigh(Identified(proposals, io, io), values, everywhere, 0.25, config)
    factors = {"semantic": found.semantic, "identity": io, "segmenter": own, "class": 0.25}
    wanted = math.prod(factors[name] for name in confidence.split("*"))
    torch.testing.assert_close(found.confidence, wanted)


@given(st.integers(0, 5), st.integers(1, 40), st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_bits(count, cells, seed):
    masks = torch.from_numpy(np.random.default_rng(seed).random((count, cells)) > 0.5)
    packed = pack_bits(masks)
    assert packed.shape == (count, -(-cells // 8))
    assert torch.equal(unpack_bits(packed, cells), masks)


def foreground_of(cells):
    flat = torch.tensor(cells, dtype=torch.bool)
    return Foreground(flat.flatten(1).float(), flat.flatten(1), tuple(flat.shape[1:]))


SCORED = torch.tensor([[[0.0, 0.5, 1.0]], [[0.25, 0.5, 0.25]], [[0.5, 0.0, 0.0]]])


@pytest.mark.parametrize(
    ("normalization", "first", "second", "rival"),
    [
        ("class", [0, 0.5, 1], [0, 1, 0], [1, 0, 0]),
        ("survivors", [0, 0.5, 1], [0.25, 0.5, 0.25], [1, 0, 0]),
        ("window", [0, 0.5, 1], [0.25, 0.5, 0.25], [0.5, 0, 0]),
    ],
)
def test_scores_are_stretched_as_the_config_says(normalization, first, second, rival):
    """By class, over all survivors together, or as they come; the background by itself."""
    config = TidesConfig(normalization=normalization, temperature=4.0, min_probability=0.5)
    found = Foreground.of(SCORED, config)
    probability = torch.sigmoid(4 * (torch.tensor([first, second]) - torch.tensor(rival)))
    torch.testing.assert_close(found.values, torch.tensor([first, second], dtype=torch.float32))
    assert torch.equal(found.cells, probability > 0.5) and found.shape == (1, 3)
    soft = Foreground.of(SCORED, TidesConfig(
        normalization=normalization, temperature=4.0, min_probability=0.5, values="probability"
    ))  # fmt: skip
    torch.testing.assert_close(soft.values, probability)
    assert torch.equal(soft.cells, found.cells)


def test_points_are_thinned_out():
    everywhere = foreground_of(np.ones((1, 6, 9)))
    assert len(everywhere.points(TidesConfig())) == 54
    rows, columns = np.divmod(everywhere.points(TidesConfig(point_stride=3)).numpy(), 9)
    assert sorted(set(rows)) == [1, 4] and sorted(set(columns)) == [1, 4, 7]
    few, more = (everywhere.points(TidesConfig(max_points=n)).tolist() for n in (5, 9))
    assert len(few) == 5 and set(few) < set(more)
    part = np.ones((1, 6, 9))
    part[0, :2] = 0
    fewer = foreground_of(part).points(TidesConfig(max_points=9)).tolist()
    assert {point for point in more if point >= 18} <= set(fewer)


def test_thinned_out_points_lie_scattered():
    """The first of Knuth's multiplicative order; in a row they would all lie in one corner."""
    cells = np.zeros((1, 8, 8))
    cells[0, 1:] = 1
    few = foreground_of(cells).points(TidesConfig(max_points=6)).tolist()
    order = sorted(range(8, 64), key=lambda point: point * 2654435761 % 2**32)
    assert few == sorted(order[:6])
    assert len({point // 8 for point in few}) > 3 and len({point % 8 for point in few}) > 3


class OneMaskPerPoint:
    """Stands in for what the segmenter answered: candidate 0 of a point is a given mask."""

    def __init__(self, masks, scores, stability):
        self.masks = torch.tensor(masks, dtype=torch.bool)[:, None]
        self.scores, self.stability = (
            torch.tensor(scores)[:, None],
            torch.tensor(stability)[:, None],
        )

    def rows_of(self, points):
        return points

    def unpacked(self, rows, candidates):
        return self.masks[rows, candidates]


def pool_of(answers, foreground, **options):
    scene = SimpleNamespace(masks=answers)
    return propose(scene, foreground, TidesConfig(**options), Stopwatch())


def members_of(answers, foreground, **options):
    return pool_of(answers, foreground, **options).members.tolist()


def test_a_mask_must_overlap_by_more_than_the_bound():
    masks = [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0] * 5]
    answers = OneMaskPerPoint(masks, [0.9] * 5, [0.9] * 5)
    foreground = foreground_of([[[1, 1, 1, 1, 1]], [[1, 1, 0, 0, 0]]])
    # IoU with the classes: 4/5 and 2/4, 3/5 and 2/3, 1/5 and 1/2, 1/5 and 0, 0 and 0.
    assert members_of(answers, foreground, min_overlap=0.5) == [
        [True, False], [True, True], [False, False], [False, False], [False, False],
    ]  # fmt: skip
    assert members_of(answers, foreground, min_overlap=0.0)[2:] == [
        [True, True], [True, False], [False, False],
    ]  # fmt: skip


def test_masks_are_assigned_alike_in_small_parts(monkeypatch):
    masks = np.random.default_rng(0).random((7, 12)) > 0.5
    answers = OneMaskPerPoint(np.resize(masks, (12, 12)), [0.9] * 12, [0.9] * 12)
    foreground = foreground_of(np.random.default_rng(1).random((3, 3, 4)) > 0.3)
    whole = members_of(answers, foreground)
    monkeypatch.setattr("lexiseg.methods.tides.proposals.MASKS_AT_ONCE", 3)
    assert members_of(answers, foreground) == whole


def test_bounds_on_the_segmenters_own_scores_are_inclusive():
    scores, stability = [0.5, 0.75, 0.9, 0.25], [0.9, 0.5, 0.75, 0.9]
    answers = OneMaskPerPoint(np.ones((4, 4)), scores, stability)
    foreground = foreground_of([[[1, 1, 1, 1]]])
    for options, points in (
        ({}, [0, 1, 2, 3]),
        ({"min_mask_score": 0.5}, [0, 1, 2]),
        ({"min_stability": 0.75}, [0, 2, 3]),
        ({"min_mask_score": 0.5, "min_stability": 0.75}, [0, 2]),
    ):
        assert pool_of(answers, foreground, **options).points.tolist() == points


def test_overlap_by_every_rule_of_assignment():
    foreground = foreground_of([[[1, 1, 0, 1, 1, 1]]])
    masks, points = torch.tensor([[1, 1, 1, 1, 0, 0]], dtype=torch.bool), torch.tensor([1])
    found = {
        rule: class_overlap(masks, points, foreground, TidesConfig(assignment=rule)).item()
        for rule in ("foreground", "coverage", "component")
    }
    assert found == pytest.approx({"foreground": 3 / 6, "coverage": 3 / 4, "component": 2 / 4})


def weighed(masks, values, foreground=None, own=0.5, **options):
    masks, values = torch.tensor(masks, dtype=torch.bool), torch.tensor(values)
    numbers, own = torch.arange(len(masks)), torch.full((len(masks),), own)
    everywhere = torch.ones(len(values), dtype=torch.bool)
    cells = everywhere if foreground is None else torch.tensor(foreground, dtype=torch.bool)
    identified = Identified(Proposals(masks, numbers, numbers, own), own, own)
    found = weigh(identified, values, cells, 0.25, TidesConfig(**options))
    return found.identified.proposals.points.tolist(), found.semantic.tolist()


MASKS = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
VALUES = [0.75, 0.25, 0.125, 0.0]


def test_weak_masks_are_dropped_and_weak_cells_left_out():
    """Below 0.25 the whole mask falls, or only what it would add; a cell at 0.25 counts."""
    assert weighed(MASKS, VALUES, min_semantic=0.25) == ([0, 1], [0.28125, 0.5])
    assert weighed(MASKS, VALUES, min_semantic=0.25, drop="cells") == ([0, 1], [0.25, 0.5])
    # A mask of weak cells has nothing left, and stays no longer than one without foreground.
    assert weighed(MASKS, VALUES, min_semantic=0.125, drop="cells")[0] == [0, 1, 2]
    assert weighed(MASKS, VALUES, [1, 1, 0, 1], min_semantic=0.0, drop="cells")[0] == [0, 1]


def test_foreground_cells_divide_if_asked():
    inside = [1, 0, 1, 1]
    assert weighed(MASKS[:2], VALUES, inside)[1] == [0.21875, 0.375]
    cells = weighed(MASKS[:2], VALUES, inside, semantic_divisor="foreground")[1]
    assert cells == pytest.approx([0.875 / 3, 0.75])


def test_a_final_score_at_the_bound_stays():
    assert weighed(MASKS, VALUES, confidence="identity", min_semantic=0.0, min_score=0.5)[0] == [
        0, 1, 2, 3,
    ]  # fmt: skip
    kept = weighed(MASKS, VALUES, confidence="semantic", min_semantic=0.0, min_score=0.5)
    assert kept[0] == [1]


def test_background_words_that_are_asked_do_not_compete():
    asked = []

    class Spy:
        def embed_texts(self, names):
            asked.append(list(names))
            return torch.eye(len(names))

    config = TidesConfig(background=BACKGROUND_WORDS, person_wordings=True)
    question = Question.ask(Vocabulary.parse(["Tree", "person"]), Spy(), config)
    (texts,) = asked
    assert "tree" not in texts and "sky" in texts and "person in skirt" in texts
    scores = torch.arange(len(texts)).float()[None]
    merged = question.merge(scores)
    assert merged.tolist() == [[0.0, 7.0, len(texts) - 1]]
    part = question.only([1])
    assert part.names == ("person",) and part.merge(scores[:, 1:]).shape == (1, 2)


def test_variants_and_bounds():
    assert variant_config("recommended", {}) == TidesConfig()
    paper = variant_config("paper", {"bins": 20})
    assert paper.density_rule == "absolute" and paper.bins == 20
    with pytest.raises(UnknownNameError, match="variant"):
        variant_config("other", {})
    for wrong in ({"bins": 0}, {"windows": ()}, {"background": ()}, {"stride": 0.0}):
        with pytest.raises(UsageError):
            TidesConfig(**wrong)
