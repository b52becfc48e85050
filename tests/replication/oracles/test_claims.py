"""Claims are the paper's orderings: its own numbers fulfil all of them."""

from __future__ import annotations

import pytest

from lexiseg.replication.oracles.claims import Claim, all_claims
from lexiseg.replication.oracles.numbers import Place, difference
from lexiseg.replication.oracles.rows import FC_CLIP, SYSTEMS, all_rows


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.says)
def test_the_papers_numbers_say_so(claim: Claim) -> None:
    if claim.table != "Figure 4":  # the curve's numbers are only drawn in the paper
        assert claim.paper is not None and claim.paper > 0


def test_the_ladder_of_the_oracles_is_whole() -> None:
    for system in SYSTEMS:
        steps = [claim for claim in all_claims() if all(p.row is system for p in claim.points)]
        assert len(steps) == 6
    assert len({row.key for row in all_rows()}) == len(all_rows())


def test_a_sum_is_what_its_numbers_add_up_to(numbers) -> None:
    for claim in all_claims():
        found = claim.measured(numbers)
        expected = sum(p.sign * numbers[p.row].quality(p.run, p.group).value for p in claim.points)
        assert found.value == pytest.approx(expected)
        assert found.low <= found.value + 1e-9 and found.high >= found.value - 1e-9


def test_a_number_minus_itself_is_nothing(numbers) -> None:
    own = numbers[FC_CLIP]
    found = difference([Place(own), Place(own, sign=-1)])
    assert (found.value, found.low, found.high) == (0, 0, 0)
