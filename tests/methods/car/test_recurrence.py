"""The recurrence with scripted parts: who survives which step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from lexiseg.methods.car.config import RELEASED, CarConfig
from lexiseg.methods.car.recurrence import Question, Recurrence, Trace, survivors
from lexiseg.ops.stopwatch import Stopwatch


class Generator:
    """Proposal of query "name 3" is a map filled with 3 + step / 10."""

    def __init__(self, empty_steps: Sequence[int] = (), wordings: int = 2) -> None:
        self.asked: list[list[str]] = []
        self.empty_steps = empty_steps
        self.wordings = wordings

    def template(self, step: int) -> str:
        return f"wording {min(step, self.wordings - 1)}"

    def __call__(
        self, scene: object, queries: Sequence[str], background: object, step: int, watch: object
    ) -> Tensor:
        self.asked.append(list(queries))
        value = 0.0 if step in self.empty_steps else 1.0
        rows = [value * (int(query[-1]) + step / 10) for query in queries]
        return torch.tensor(rows)[:, None].expand(-1, 4)


class Classifier:
    """Scores come from a script, one row per call."""

    def __init__(self, *script: Sequence[float]) -> None:
        self.script = list(script)
        self.rivals: list[Sequence[str]] = []

    def __call__(
        self, scene: object, proposals: object, prompts: object, queries: Sequence[str],
        rivals: Sequence[str], watch: object,
    ) -> Tensor:  # fmt: skip
        self.rivals.append(rivals)
        scores = self.script.pop(0)
        assert len(scores) == len(queries)
        return torch.tensor(scores)


def run(
    classifier: Classifier, count: int, generator: Generator | None = None, **options: object
) -> tuple[Trace, Generator]:
    config = CarConfig(theta=0.5, **options)  # type: ignore[arg-type]
    question = Question(tuple(f"name {i}" for i in range(1, count + 1)), ("sky",), ("blur",))
    used = generator or Generator()
    recurrence = Recurrence(used, classifier, config)  # type: ignore[arg-type]
    return recurrence.run(None, question, Stopwatch()), used  # type: ignore[arg-type]


def test_queries_shrink_until_a_step_removes_nothing() -> None:
    trace, generator = run(Classifier([0.9, 0.1, 0.9], [0.4, 0.9]), 3)
    assert generator.asked == [["name 1", "name 2", "name 3"], ["name 1", "name 3"], ["name 3"]]
    assert [step.alive for step in trace.steps] == [(0, 1, 2), (0, 2), (2,)]
    assert [step.kept for step in trace.steps] == [(0, 2), (2,), (2,)]
    assert trace.kept == (2,) and trace.scores == (1.0,)
    assert trace.proposals.tolist() == [[pytest.approx(3.2)] * 4]


def test_a_second_step_runs_even_if_the_first_removes_nothing() -> None:
    trace, generator = run(Classifier([0.9, 0.8], [0.7, 0.6]), 2)
    assert len(trace.steps) == 2 and len(generator.asked) == 2
    assert trace.scores == pytest.approx((0.7, 0.6))


def test_a_step_that_would_repeat_the_last_one_is_not_computed() -> None:
    trace, generator = run(Classifier([0.9, 0.8]), 2, Generator(wordings=1))
    assert len(trace.steps) == 2 and len(generator.asked) == 1
    assert trace.steps[0] == trace.steps[1]


def test_the_best_query_stays_when_none_passes() -> None:
    trace, _ = run(Classifier([0.1, 0.3, 0.2]), 3)
    assert trace.kept == (1,)


def test_nothing_stays_when_everything_may_be_rejected() -> None:
    classifier = Classifier([0.1, 0.3, 0.2])
    trace, _ = run(classifier, 3, reject_all=True)
    assert trace.kept == () and trace.proposals.shape == (0, 4)
    assert classifier.rivals == [("sky",)]


def test_a_lone_query_is_judged_against_the_background_if_it_may_be_rejected() -> None:
    trace, _ = run(Classifier([0.8], [0.3]), 1, reject_all=True)
    assert [step.kept for step in trace.steps] == [(0,), ()]


def test_empty_proposals_fall_back_to_those_of_the_step_before() -> None:
    trace, _ = run(Classifier([0.9, 0.1, 0.9], [0.9, 0.8]), 3, Generator(empty_steps=[1]))
    assert trace.proposals[:, 0].tolist() == [1.0, 3.0]


def test_empty_proposals_of_the_first_step_stay_empty() -> None:
    trace, _ = run(Classifier([0.9, 0.1], []), 2, Generator(empty_steps=[0, 1]))
    assert trace.proposals.shape == (1, 4) and not trace.proposals.any()


def test_steps_can_be_bounded() -> None:
    trace, _ = run(Classifier([0.9, 0.1, 0.9]), 3, max_steps=1)
    assert len(trace.steps) == 1 and trace.kept == (0, 2)
    trace, _ = run(Classifier(), 3, max_steps=0)
    assert trace.kept == (0, 1, 2) and trace.proposals.shape == (3, 4)


def test_theta_itself_passes_in_the_paper_and_not_in_the_released_code() -> None:
    scores = torch.tensor([0.5, 0.9])
    assert survivors(scores, CarConfig(theta=0.5)) == [0, 1]
    assert survivors(scores, CarConfig(theta=0.5, procedure=RELEASED)) == [1]
