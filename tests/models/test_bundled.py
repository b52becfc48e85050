"""The weights that ship in the package: size, format, and what they can do."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.models.bundled import bundled_folder, bundled_names, bundled_weights, names_file
from lexiseg.models.clip import Clip
from lexiseg.training.mini.clip.measure import Sample, naming, prompted
from lexiseg.training.mini.names import file_text

LIMITS = {"mini-clip-proposal": 4_000_000, "mini-clip-classifier": 12_000_000}


@pytest.fixture(params=sorted(LIMITS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_parameters_and_bytes_stay_in_their_budget(name: str) -> None:
    folder = bundled_folder(name)
    weights = load_file(folder / "model.safetensors")
    assert sum(tensor.numel() for tensor in weights.values()) <= LIMITS[name]
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    assert size <= 16_000_000


def test_all_weights_together_stay_in_their_budget() -> None:
    files = [file for folder in bundled_weights().values() for file in folder.rglob("*")]
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 64_000_000


def test_transformers_gives_the_same_features(name: str) -> None:
    from transformers import CLIPModel

    folder = bundled_folder(name)
    theirs = CLIPModel.from_pretrained(folder, local_files_only=True).float().eval()
    ours = Clip.load(folder, "cpu", torch.float32)
    side = ours.preprocessing.size
    pixels = torch.randn(2, 3, side, side)
    ids = ours.tokenizer(["a dog", "a photo of a fire engine."])
    with torch.no_grad():
        text = theirs.get_text_features(input_ids=ids).pooler_output
        image = theirs.get_image_features(pixel_values=pixels).pooler_output
    torch.testing.assert_close(ours.network.text(ids), text, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(ours.image_features(pixels), image, atol=1e-3, rtol=1e-3)


def test_the_card_was_written_from_measurements(name: str) -> None:
    card = (bundled_folder(name) / "README.md").read_text(encoding="utf-8")
    assert "held-out pictographs" in card and "Sessions" in card and "Open Font License" in card


def test_single_things_are_named(name: str) -> None:
    clip = Clip.load(bundled_folder(name), "cpu")
    # The cards have 0.96 and more on val and 0.81 on test; a share of 100 moves by 0.02 and 0.04.
    assert naming(clip, "val", 100)["top1_ensemble"] >= 0.9
    assert naming(clip, "test", 100)["top1_ensemble"] >= 0.68


def test_the_classifier_looks_where_the_prompt_points() -> None:
    clip = Clip.load(bundled_folder("mini-clip-classifier"), "cpu")
    figures = prompted(clip, Sample(several=30))
    assert figures["prompted_top1"] >= 0.7
    assert figures["absent_mass"] <= 0.25


def test_names_beside_the_weights_are_those_of_miniworld() -> None:
    assert names_file().read_text(encoding="utf-8") == file_text()
    world = Miniworld("train")
    assert bundled_names().things == world.thing_names
    assert bundled_names().stuff == world.stuff_names


def test_no_preset_needs_miniworld() -> None:
    """What is measured on drawn scenes draws them itself; loading a method does not."""
    code = (
        "import sys; import lexiseg.methods.tides.presets, lexiseg.methods.baselines.presets, "
        "lexiseg.methods.car.presets, lexiseg.methods.zero_guidance.presets, "
        "lexiseg.methods.dense.config; "
        "print([name for name in sys.modules if 'miniworld' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
