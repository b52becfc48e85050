"""The recurrence: propose, judge, drop what is not there, repeat until nothing is dropped.

Sun et al. 2024, section 3.1 and algorithm 1. The hidden state is the set of queries still alive;
the weights and the image are the same in every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import CarConfig, VisualPrompt
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.scene import Scene
from lexiseg.ops.stopwatch import Stopwatch


@dataclass(frozen=True)
class Question:
    """What one run of the recurrence asks about an image.

    Attributes:
        queries: one wording per name.
        background: words that compete in the maps.
        prompts: visual prompts.
    """

    queries: tuple[str, ...]
    background: tuple[str, ...]
    prompts: tuple[VisualPrompt, ...]


@dataclass(frozen=True)
class Step:
    """One step: positions of the queries that entered, their scores, and who survived."""

    alive: tuple[int, ...]
    scores: tuple[float, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True)
class Trace:
    """The whole run.

    Attributes:
        steps: in order.
        kept: positions of the final queries.
        scores: their scores in the last step.
        proposals: their masks (K, n) in [0, 1] on the patch grid.
    """

    steps: tuple[Step, ...]
    kept: tuple[int, ...]
    scores: tuple[float, ...]
    proposals: Tensor


class Recurrence:
    """CLIP as an RNN.

    Args:
        generator: proposes masks.
        classifier: judges them.
        config: theta, the stop rule and whether everything may be rejected.
    """

    def __init__(
        self, generator: ProposalGenerator, classifier: MaskClassifier, config: CarConfig
    ) -> None:
        self.generator = generator
        self.classifier = classifier
        self.config = config

    @torch.no_grad()
    def run(self, scene: Scene, question: Question, watch: Stopwatch) -> Trace:
        """Filter the queries of one question (algorithm 1).

        Args:
            scene: the encoded image.
            question: names, background and prompts.
            watch: receives the time of each stage.
        """
        if self.config.max_steps == 0:
            return self._unfiltered(scene, question, watch)
        alive, survived = tuple(range(len(question.queries))), 0
        steps: list[Step] = []
        proposals = torch.zeros(0)
        while True:
            if self._would_repeat(alive, steps):
                steps.append(steps[-1])
                break
            found = self._propose(scene, question, alive, len(steps), watch)
            if found.any() or not steps:  # else those of the previous step are used again
                proposals = found
            scores = self._judge(scene, question, alive, proposals, watch)
            chosen = survivors(scores, self.config)
            kept = tuple(alive[position] for position in chosen)
            steps.append(Step(alive, tuple(scores.tolist()), kept))
            proposals = proposals[chosen]
            if not kept or len(kept) == survived or len(steps) == self.config.max_steps:
                break
            alive, survived = kept, len(kept)
        return self._finish(steps, proposals)

    def _unfiltered(self, scene: Scene, question: Question, watch: Stopwatch) -> Trace:
        """The first proposals of all queries, unjudged."""
        everything = tuple(range(len(question.queries)))
        proposals = self._propose(scene, question, everything, 0, watch)
        ones = (1.0,) * len(everything)
        return Trace((Step(everything, ones, everything),), everything, ones, proposals)

    def _would_repeat(self, alive: Sequence[int], steps: Sequence[Step]) -> bool:
        """Whether the next step sees the same queries in the same words as the last one."""
        wording = self.generator.template
        return (
            bool(steps)
            and alive == steps[-1].alive
            and wording(len(steps)) == wording(len(steps) - 1)
        )

    def _finish(self, steps: Sequence[Step], proposals: Tensor) -> Trace:
        last = steps[-1]
        score = dict(zip(last.alive, last.scores, strict=True))
        final = tuple(score[position] for position in last.kept)
        return Trace(tuple(steps), last.kept, final, proposals)

    def _propose(
        self,
        scene: Scene,
        question: Question,
        alive: Sequence[int],
        step: int,
        watch: Stopwatch,
    ) -> Tensor:
        """Proposals (N, n) for the queries alive."""
        queries = [question.queries[position] for position in alive]
        return self.generator(scene, queries, question.background, step, watch)

    def _judge(
        self,
        scene: Scene,
        question: Question,
        alive: Sequence[int],
        proposals: Tensor,
        watch: Stopwatch,
    ) -> Tensor:
        """Scores (N,); a query without a rival has score 1, so the classifier is left out."""
        rivals = question.background if self.config.reject_all else ()
        if len(alive) + len(rivals) == 1:
            return torch.ones(1)
        queries = [question.queries[position] for position in alive]
        return self.classifier(scene, proposals, question.prompts, queries, rivals, watch).cpu()


def survivors(scores: Tensor, config: CarConfig) -> list[int]:
    """Positions whose score passes theta; the best one if none does and something must stay."""
    theta = config.theta
    passes = scores >= theta if config.procedure.keep_equal else scores > theta
    chosen: list[int] = passes.nonzero()[:, 0].tolist()
    if not chosen and not config.reject_all:
        chosen = [int(scores.argmax())]
    return chosen
