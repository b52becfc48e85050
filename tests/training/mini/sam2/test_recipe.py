import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.models.sam2 import Sam2Model
from typer.testing import CliRunner

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.models.bundled import bundled_folder
from lexiseg.models.sam import load_segmenter
from lexiseg.training.mini.__main__ import app
from lexiseg.training.mini.sam.pool import SamPool, SamPoolConfig, open_sam_pool
from lexiseg.training.mini.sam2.measure import measure_sam2
from lexiseg.training.mini.sam2.recipe import Sam2Learner, Sam2Training


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexiseg.training.engine.learner.choose_dtype", lambda *_: torch.float32)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> SamPool:
    return open_sam_pool(tmp_path_factory.mktemp("pool"), SamPoolConfig(4, seed=3), workers=1)


def learner(pool: SamPool) -> Sam2Learner:
    return Sam2Learner(Sam2Training(batch=1, clicks=2, boxes=2, refined=1, warmup=1), pool)


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(pool: SamPool, tmp_path: Path) -> None:
    one = learner(pool)
    one.advance(0)
    one.save(tmp_path / "checkpoint.pt")
    expected = [one.advance(0), one.advance(0.9)]
    other = learner(pool)
    other.resume(tmp_path / "checkpoint.pt")
    assert [other.advance(0), other.advance(0.9)] == expected
    assert set(expected[0]) == {"mask", "single", "score", "object"}


def test_a_run_leaves_weights_that_segment(tmp_path: Path) -> None:
    arguments = ["sam2", "--out", tmp_path, "--scenes", 3, "--steps", 1, "--batch", 1]
    arguments += ["--head-start", 1, "--device", "cpu"]
    CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    folder = tmp_path / "sam2" / "weights"
    record = json.loads((folder / "training.json").read_text("utf-8"))
    assert [s["last_step"] for s in record["sessions"]] == [1, 1] and record["clicks"] == 8
    assert "head start" in record["sessions"][0]["note"]
    segmenter = load_segmenter(folder, "cpu", "float32")
    embedding = segmenter.encode(np.zeros((30, 40, 3), np.uint8))
    found = segmenter.predict(embedding, points=[[[3.0, 4.0]]])
    assert segmenter.full_size(found.logits, embedding).shape == (1, 3, 30, 40)


# The bundled weights


def test_transformers_reads_the_bundled_weights() -> None:
    folder = bundled_folder("mini-sam2")
    theirs, notes = Sam2Model.from_pretrained(
        folder, local_files_only=True, output_loading_info=True
    )
    assert not any(notes.values())
    assert sum(parameter.numel() for parameter in theirs.parameters()) <= 5_000_000
    ours = load_segmenter("mini-sam2", "cpu", "float32")
    image = Miniworld("val", 256, 1, (2, 4))[0].image
    embedding = ours.encode(image)
    pixels = ours.preprocessing(image)
    with torch.no_grad():
        known = theirs.float().eval()(pixels, input_points=torch.tensor([[[[90.0, 70.0]]]]))
    found = ours.predict(embedding, points=[[[90.0, 70.0]]])
    torch.testing.assert_close(found.logits[None], known.pred_masks, atol=2e-2, rtol=1e-2)
    torch.testing.assert_close(found.scores[None], known.iou_scores, atol=2e-3, rtol=1e-2)
    objects = known.object_score_logits[0]
    torch.testing.assert_close(found.object_logits, objects, atol=2e-2, rtol=1e-2)


def test_bundled_masks_follow_objects() -> None:
    """The card has IoU .57, .67 and .64 on 179 objects; a mean of 60 moves by .04."""
    figures = measure_sam2(bundled_folder("mini-sam2"), scenes=8, split="val")
    assert figures["best"] >= 0.42 and figures["boxed"] >= 0.54 and figures["refined"] >= 0.5
    assert figures["there"] >= 0.95 and figures["nothing"] >= 0.95


def test_the_card_was_written_from_measurements() -> None:
    card = (bundled_folder("mini-sam2") / "README.md").read_text(encoding="utf-8")
    assert "evaluate-sam2" in card and "Sessions" in card and "Open Font License" in card
