"""What the bundled small ConvNeXt-CLIP can do, measured as its card says."""

from __future__ import annotations

import json

import pytest
import torch

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.mini.convnext.card import LINES, write_card
from lexiseg.training.mini.convnext.measure import measure_convnext, region_names

FOLDER = bundled_folder("mini-convnext-clip")
CHANCE = 1 / 190


@pytest.mark.parametrize(("split", "things", "stuff"), [("val", 0.2, 0.7), ("test", 0.1, 0.6)])
def test_true_regions_are_named(split: str, things: float, stuff: float) -> None:
    named = region_names(ConvClip.load(FOLDER, "cpu"), split, 24)
    assert len(named.right) == len(named.things) == len(named.large) > 100
    assert named.share(named.things) > things > 15 * CHANCE
    assert named.share(~named.things) > stuff
    assert named.share(named.things & named.large) > named.share(named.things)


def test_text_tower_is_the_teachers() -> None:
    from lexiseg.models.clip import Clip

    texts = ["a dog", "a photo of a fire engine.", "grass"]
    teacher = Clip.load(bundled_folder("mini-clip-proposal"), "cpu", torch.float32)
    ours = ConvClip.load(FOLDER, "cpu", torch.float32)
    torch.testing.assert_close(ours.text_features(texts), teacher.text_features(texts))


def test_the_card_was_written_from_measurements(tmp_path) -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(label in card for label in LINES.values()) and "Open Font License" in card
    for name in ("training.json", "model.safetensors"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    figures = measure_convnext(FOLDER, single=2, several=2)
    again = write_card(tmp_path, {"test": figures}, 2).read_text(encoding="utf-8")
    assert f"{figures['regions']:.3f}" in again
    sessions = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))["sessions"]
    assert f"{sessions[0]['examples']:,}" in again
