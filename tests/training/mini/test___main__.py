import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lexiseg.errors import UsageError, WeightsNotFoundError
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.clip import Clip, TextConfig, VisionConfig
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.clip import recipe


@pytest.fixture(autouse=True)
def tiny_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    vision = VisionConfig(64, 1, 1, 16, image_size=32, embed_dim=16, activation="gelu")
    text = TextConfig(64, 1, 1, embed_dim=16, activation="gelu")
    monkeypatch.setattr(recipe, "vision_config", lambda tower: vision)
    monkeypatch.setattr("lexiseg.training.mini.clip.learner.distill_names", lambda *_: 1.0)
    monkeypatch.setattr(recipe, "text_config", lambda size: replace(text, vocabulary=size))


def run(*arguments: str | Path) -> None:
    CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def test_both_towers_train_resume_and_get_a_card(tmp_path: Path) -> None:
    common = ("clip", "--out", tmp_path, "--scenes", "6", "--batch", "2", "--device", "cpu")
    run(*common, "--steps", "3")
    run(*common, "--steps", "5", "--resume", "--tower", "classifier")
    for tower, steps in (("proposal", [3]), ("classifier", [3, 5])):
        folder = tmp_path / tower / "weights"
        clip = Clip.load(folder)
        assert clip.text_features(["a dog", "ein Straßenköter 🐕"]).shape == (2, 16)
        record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        assert [s["last_step"] for s in record["sessions"]] == steps
        assert [s["prompted"] for s in record["sessions"]] == [tower == "classifier"] * len(steps)
    run("evaluate", tmp_path / "proposal" / "weights", "--single", "3", "--several", "2", "--card")
    card = (tmp_path / "proposal" / "weights" / "README.md").read_text(encoding="utf-8")
    assert "| one thing, 174 names" in card and "--resume" in card


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "proposal").mkdir()
    (tmp_path / "proposal" / "checkpoint.pt").write_bytes(b"precious")
    common = ("clip", "--out", tmp_path, "--scenes", "2", "--tower", "proposal", "--steps", "1")
    with pytest.raises(UsageError, match="--resume"):
        run(*common)
    assert (tmp_path / "proposal" / "checkpoint.pt").read_bytes() == b"precious"


def test_the_classifier_asks_for_the_proposal_tower(tmp_path: Path) -> None:
    common = ("clip", "--out", tmp_path, "--scenes", "2", "--tower", "classifier", "--steps", "1")
    with pytest.raises(WeightsNotFoundError, match="--tower proposal"):
        run(*common)


def test_bundled_weights_can_be_trained_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Clip.load(bundled_folder("mini-clip-classifier"), "cpu", "float32").network
    monkeypatch.setattr(recipe, "vision_config", lambda tower: shipped.visual.config)
    monkeypatch.setattr(recipe, "text_config", lambda size: shipped.text.config)
    common = ("clip", "--out", tmp_path, "--scenes", "2", "--batch", "2", "--bundled")
    run(*common, "--tower", "classifier", "--steps", "1")
    after = Clip.load(tmp_path / "classifier" / "weights", "cpu", "float32").network
    change = (after.visual.proj - shipped.visual.proj).abs().max()
    assert 0 < change < 0.01


def test_a_plan_is_needed(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["clip", "--out", str(tmp_path)])
    assert result.exit_code == 2 and "--minutes" in result.output
