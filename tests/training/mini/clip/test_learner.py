import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lexiseg.models.clip import BpeTokenizer
from lexiseg.training.engine.session import Budget, train
from lexiseg.training.mini.clip.learner import ClipLearner, ClipTraining, draw_vocabulary
from lexiseg.training.mini.pool import Pool


@pytest.fixture(autouse=True)
def single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


def weights(learner: ClipLearner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in learner.parameters])


def test_resumed_training_equals_uninterrupted_training(
    tiny: ClipTraining, pool: Pool, tokenizer: BpeTokenizer, tmp_path: Path
) -> None:
    plan = Budget(steps=8)
    whole = ClipLearner(tiny, pool, tokenizer)
    train(whole, plan, tmp_path)
    for stop in (2, 6):  # in the first words, and after the text tower has taken over
        part = ClipLearner(tiny, pool, tokenizer)
        while part.step < stop:
            part.advance(plan.progress(part.step, 0))
        part.save(tmp_path / "part.pt")
        later = ClipLearner(replace(tiny, seed=0), pool, tokenizer)
        later.resume(tmp_path / "part.pt")
        train(later, plan, tmp_path)
        assert torch.equal(weights(whole), weights(later))


def test_all_parts_of_the_plan_lower_their_loss(
    tiny: ClipTraining, pool: Pool, tokenizer: BpeTokenizer
) -> None:
    for progress in (0.0, 0.4, 0.8):
        learner = ClipLearner(replace(tiny, batch=12, rate=1e-2), pool, tokenizer)
        choices = [learner.advance(progress)["choice"] for _ in range(80)]
        assert sum(choices[-20:]) < sum(choices[:20])


def test_the_curve_is_logged_and_sessions_are_recorded(
    tiny: ClipTraining, pool: Pool, tokenizer: BpeTokenizer, tmp_path: Path
) -> None:
    learner = ClipLearner(tiny, pool, tokenizer, validation=lambda _: {"accuracy": 0.5})
    train(learner, Budget(steps=4), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(row["accuracy"] == 0.5 and row["choice"] > 0 for row in rows)
    resumed = ClipLearner(tiny, pool, tokenizer)
    resumed.resume(tmp_path / "checkpoint.pt")
    train(resumed, Budget(steps=6), tmp_path)
    assert [s["last_step"] for s in resumed.sessions] == [4, 6]
    assert sum(s["examples"] for s in resumed.sessions) == 6 * 4


def test_the_classifier_inherits_what_the_proposal_tower_sees(
    tiny: ClipTraining, pool: Pool, tokenizer: BpeTokenizer
) -> None:
    parent = ClipLearner(tiny, pool, tokenizer)
    smaller = replace(tiny, tower="classifier", vision=replace(tiny.vision, image_size=24))
    child = ClipLearner(smaller, pool, tokenizer, proposals=parent.network)
    child.inherit(parent.network)
    pixels = torch.randn(2, 3, 24, 24)
    with torch.no_grad():
        torch.testing.assert_close(
            child.network.visual(pixels), parent.network.visual(pixels), atol=1e-5, rtol=1e-4
        )
    assert child.advance(0.5)["choice"] > 0


def test_plans_count_steps_or_minutes() -> None:
    assert Budget(steps=10).progress(5, 1e9) == 0.5
    assert Budget(minutes=2).progress(99, 30) == 0.25
    assert Budget(minutes=2).progress(0, 999) == 1.0


def test_every_picture_is_asked_something() -> None:
    present = torch.zeros(200, 3, dtype=torch.bool)
    present[:, 0] = True
    asked = draw_vocabulary(present, torch.Generator().manual_seed(0))
    assert asked.any(dim=1).all()
    assert 0.7 < float(asked[:, 0].float().mean()) < 1.0
