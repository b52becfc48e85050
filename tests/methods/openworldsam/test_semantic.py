"""The class of every pixel against the released computation written out over the whole list."""

from __future__ import annotations

import pytest
import torch

from lexiseg.methods.openworldsam.answers import enlarge
from lexiseg.methods.openworldsam.semantic import Ballot, label_pixels, votes


def released(answers, classes, places):
    """A vector of C + 1 zeros with the score in one place, softmax, times sigmoid masks."""
    scores = torch.zeros(len(answers), classes + 1)
    scores[torch.arange(len(answers)), places[answers.prompts]] = answers.scores
    weights = scores.softmax(dim=-1)[:, :-1]
    return torch.einsum("qc,qhw->chw", weights, enlarge(answers.logits, answers.size_hw).sigmoid())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [4, 150])
def test_released_rule_is_the_softmax_over_the_list(answers_of, seed, classes):
    answers = answers_of(seed)
    places = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))[:4].sort()[0]
    sums = released(answers, classes, places)
    ours = label_pixels(answers, classes, "released")
    best = sums.amax(dim=0)
    won = sums.gather(0, places[ours][None])[0]
    assert (best - won).abs().max() < 1e-6
    margin = best - sums.scatter(0, sums.argmax(dim=0)[None], -1).amax(dim=0)
    clear = margin > 1e-5
    assert clear.float().mean() > 0.9
    assert torch.equal(places[ours][clear], sums.argmax(dim=0)[clear])


def test_papers_rule_is_the_sum_of_score_times_mask(answers_of):
    answers = answers_of(3)
    masks = enlarge(answers.logits, answers.size_hw).sigmoid() * answers.scores[:, None, None]
    sums = torch.stack([masks[answers.prompts == prompt].sum(dim=0) for prompt in range(4)])
    assert torch.equal(label_pixels(answers, 9, "paper"), sums.argmax(dim=0))


def test_facts_of_the_released_votes():
    """With 150 classes a score of 0.95 counts 1.56 times 0.70."""
    strong, weak = votes(torch.tensor([0.95, 0.70]), 150, "released").tolist()
    assert strong / weak == pytest.approx(1.56, abs=0.01)


def test_prompts_one_by_one_are_all_at_once(answers_of):
    answers = answers_of(4)
    ballot = Ballot(answers.size_hw, 4, "released", torch.device("cpu"))
    assert (ballot.winner == -1).all()
    for prompt in (2, 0, 3, 1):
        ballot.add(answers[answers.prompts == prompt])
    assert torch.equal(ballot.winner, label_pixels(answers, 4, "released"))
