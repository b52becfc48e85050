"""One class for every pixel: all queries vote for the class of their prompt."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lexiseg.methods.openworldsam.answers import Answers

SemanticRule = Literal["released", "paper"]


def votes(scores: Tensor, classes: int, rule: SemanticRule) -> Tensor:
    """How much each answer counts for its class beyond what it counts for all others.

    The released code puts the score s into a vector of C + 1 zeros and takes the softmax, so that
    a mask counts e^s / (e^s + C) for its own class and 1 / (e^s + C) for any other. Only the
    difference decides. The paper's words are the score itself.

    Args:
        scores: (N,).
        classes: C, number of classes in the list that the prompts come from.
        rule: "released" or "paper".
    """
    if rule == "paper":
        return scores
    grown = scores.exp()
    return (grown - 1) / (grown + classes)


def label_pixels(answers: Answers, classes: int, rule: SemanticRule) -> Tensor:
    """The prompt with the largest sum of votes at every pixel; there is no background.

    Args:
        answers: of at least one prompt.
        classes: see `votes`.
        rule: see `votes`.

    Returns:
        (H, W) int64, prompt numbers; of equal sums the lowest.
    """
    ballot = Ballot(answers.size_hw, classes, rule, answers.logits.device)
    ballot.add(answers)
    return ballot.winner


class Ballot:
    """Sums up the votes of one prompt after the other: votes times the sigmoid of the mask.

    Memory does not grow with the number of prompts.

    Args:
        size_hw: height and width of the picture.
        classes: see `votes`.
        rule: see `votes`.
        device: where to compute.

    Attributes:
        winner: (H, W) int64, the prompt with the largest sum so far; -1 where none has voted.
    """

    def __init__(
        self, size_hw: tuple[int, int], classes: int, rule: SemanticRule, device: torch.device
    ) -> None:
        self.classes, self.rule = classes, rule
        self.winner = torch.full(size_hw, -1, device=device)
        self._best = torch.full(size_hw, -torch.inf, device=device)

    def add(self, answers: Answers) -> None:
        """Count all answers of some prompts, none of which has voted before."""
        weights = votes(answers.scores, self.classes, self.rule)
        for prompt in sorted(set(answers.prompts.tolist())):
            mine = (answers.prompts == prompt).nonzero()[:, 0]
            total = torch.zeros_like(self._best)
            for part, logits in answers[mine].full_size():
                total += torch.einsum("n,nhw->hw", weights[mine][part], logits.sigmoid_())
            self.winner.masked_fill_(total > self._best, prompt)
            self._best = torch.maximum(self._best, total)
