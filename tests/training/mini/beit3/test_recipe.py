import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from lexiseg.models.beit3 import Beit3
from lexiseg.models.bundled import bundled_folder
from lexiseg.training.engine.process_group import ALONE
from lexiseg.training.engine.session import Budget
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.beit3 import measure
from lexiseg.training.mini.beit3.network import CELLS, Read
from lexiseg.training.mini.beit3.pool import Beit3PoolConfig, open_beit3_pool
from lexiseg.training.mini.beit3.recipe import Beit3Recipe, Beit3Training, place_loss
from lexiseg.training.mini.beit3.texts import Asked


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    config = Beit3PoolConfig(scenes=6, seed=3)
    pool = open_beit3_pool(tmp_path / "pool", config, workers=1)
    training = Beit3Training(batch=2, warmup=1)
    recipe = Beit3Recipe(tmp_path, Budget(steps=3), config, training, device="cpu")
    one = recipe._learner(pool, ALONE)
    assert set(one.advance(0)) == {"truth"}  # captions and names come before regions
    one.save(tmp_path / "checkpoint.pt")
    expected = [one.advance(0.5), one.advance(0.9)]
    assert set(expected[0]) == {"truth", "place", "spots"}
    other = recipe._learner(pool, ALONE)
    other.resume(tmp_path / "checkpoint.pt")
    assert [other.advance(0.5), other.advance(0.9)] == expected


def test_patches_are_asked_of_false_texts_too(tmp_path: Path) -> None:
    pool = open_beit3_pool(tmp_path / "pool", Beit3PoolConfig(scenes=4, seed=3), workers=1)
    recipe = Beit3Recipe(tmp_path, Budget(steps=3), training=Beit3Training(batch=1), device="cpu")
    learner = recipe._learner(pool, ALONE)
    regions = torch.full((2, 56, 56), 1, dtype=torch.uint8)
    asked = [Asked("dog", (1,), True), Asked("cat", (), False)]
    silent = Read(
        torch.zeros(2), torch.zeros(2, CELLS**2), torch.tensor([[9.0], [-9]]).repeat(1, 100)
    )
    shouting = silent._replace(spots=silent.spots.abs())
    right, wrong = (learner._losses(read, regions, asked) for read in (silent, shouting))
    assert right["spots"] < 0.01 and wrong["spots"] > 5
    assert right["place"] == wrong["place"] and right["truth"] == wrong["truth"]


def test_a_run_leaves_weights_that_read(tmp_path: Path) -> None:
    arguments = ["beit3", "--out", tmp_path, "--scenes", 4, "--steps", 1, "--batch", 1]
    CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu"], catch_exceptions=False)
    folder = tmp_path / "beit3" / "weights"
    record = json.loads((folder / "training.json").read_text("utf-8"))
    assert record["sessions"][-1]["last_step"] == 1
    beit3 = Beit3.load(folder, "cpu", "float32")
    pixels = beit3.prepare((255 * torch.rand(50, 70, 3)).byte().numpy())
    vectors = beit3.pair_features(pixels, ["dog", "the dog on the left"])
    assert vectors.shape == (2, 192) and vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1])


def test_a_place_is_right_where_cross_entropy_and_dice_vanish() -> None:
    covered = torch.tensor([[1.0, 1, 0, 0]])
    assert place_loss(40 * covered - 20, covered) < 1e-6
    plain = torch.tensor([[0.3, -0.2, 0.1, 2.0]])
    p = plain.sigmoid()
    entropy = -(covered * p.log() + (1 - covered) * (1 - p).log()).mean()
    dice = 1 - (2 * (p * covered).sum() + 1) / (p.sum() + covered.sum() + 1)
    torch.testing.assert_close(place_loss(plain, covered), 2 * entropy + dice)


# The bundled weights


def test_bundled_vectors_know_what_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card has .89 of 480 texts right with a reading fitted on 200 scenes; chance is .5.

    These 160 texts move a share of .89 by .025, and an IoU of .33 by .04 or so.
    """
    monkeypatch.setattr(measure, "FITTED", 60)
    figures = measure.measure_beit3(bundled_folder("mini-beit3"), scenes=20, split="val")
    assert figures["truth"] >= 0.8 and figures["named"] >= 0.2


def test_the_card_was_written_from_measurements() -> None:
    card = (bundled_folder("mini-beit3") / "README.md").read_text(encoding="utf-8")
    assert "evaluate-beit3" in card and "Sessions" in card and "Open Font License" in card
