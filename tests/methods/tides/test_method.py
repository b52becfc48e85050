"""Loading by names, and every pairing of tiny random scorers and segmenters."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.errors import UnknownNameError, WeightsNotFoundError
from lexiseg.methods.tides import Tides, TidesConfig
from lexiseg.models.clip import Clip, ClipNetwork, TextConfig, VisionConfig
from lexiseg.registry import SCORERS

TINY = Path(__file__).parents[2] / "models" / "sam" / "conftest.py"
NAMES = ["alpha", "beta", "gamma"]


def read_bytes(texts):
    rows = [list(text.encode()[:14]) for text in texts]
    return torch.tensor(
        [[1, *(2 + b % 90 for b in row), 98] + [0] * (14 - len(row)) for row in rows]
    )


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    vision = VisionConfig(32, layers=12, heads=2, patch_size=8, image_size=48, embed_dim=16)
    text = TextConfig(24, layers=1, heads=2, context=16, vocabulary=99, embed_dim=16)
    state = ClipNetwork(vision, text).state_dict()
    return Clip.from_state_dict(state, read_bytes, "cpu", torch.float32)


def load_module():
    spec = importlib.util.spec_from_file_location("tiny_segmenters", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def segmenters():
    return load_module().TINY_SEGMENTERS


@pytest.mark.parametrize("scorer", sorted(SCORERS))
@pytest.mark.parametrize("segmenter", ["sam", "sam2"])
def test_any_pairing(clip, segmenters, scorer, segmenter):
    config = TidesConfig(long_side=72, windows=(48, 72), max_points=6, min_overlap=0.01)
    tides = Tides(SCORERS[scorer](clip), segmenters[segmenter](), config)
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    scene = tides.encode(image)
    result = tides.segment(scene, NAMES)
    assert set(result.presence) == set(NAMES)
    assert set(result.instances.labels) == set(result.presence.kept)
    assert all(0 <= item.score <= 1 and item.mask.size_hw == (50, 70) for item in result.instances)
    again = tides.segment(scene, NAMES)
    assert [i.mask for i in again.instances] == [i.mask for i in result.instances]
    assert tides.configured(ranking="segmenter").segment(scene, NAMES).size_hw == (50, 70)


def test_wrong_names_are_told():
    with pytest.raises(UnknownNameError, match="preset"):
        lexiseg.load("tides", preset="none")
    with pytest.raises(UnknownNameError, match="scorer"):
        lexiseg.load("tides", scorer="clip-surgeon")
    with pytest.raises(UnknownNameError, match="option"):
        lexiseg.load("tides", binz=3)
    with pytest.raises(UnknownNameError, match="segmenter"):
        lexiseg.load("tides", segmenter="sam-9", clip_weights="mini-clip-proposal", device="cpu")
    with pytest.raises(UnknownNameError, match="option"):
        options = {"scorer.sugery": "single"}
        lexiseg.load("tides", clip_weights="mini-clip-proposal", device="cpu", **options)


def test_missing_weights_are_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsNotFoundError, match="no-such-folder"):
        lexiseg.load("tides", clip_weights="/no-such-folder/clip", device="cpu")
    with pytest.raises(WeightsNotFoundError, match="no-such-folder"):
        lexiseg.load(
            "tides-raw",
            clip_weights="mini-clip-proposal",
            segmenter_weights="/no-such-folder/sam",
            device="cpu",
        )


def test_a_published_layout_from_folders(tmp_path):
    """The bundled CLIP beside a segmenter from a folder in transformers' format."""
    from safetensors.torch import save_file

    module = load_module()
    network = module.build_network("sam")
    folder = tmp_path / "sam"
    folder.mkdir()
    network.config.to_json_file(folder / "config.json")
    state = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    tides = lexiseg.load(
        "tides-raw", clip_weights="mini-clip-proposal", segmenter_weights=folder, device="cpu",
        dtype="float32", max_points=4, **{"scorer.surgery": "single"},
    )  # fmt: skip
    assert tides.config.ranking == "segmenter"
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    result = tides.segment(image, ["dog", "apple"])
    assert set(result.presence) == {"dog", "apple"} and result.recipe.method == "tides-raw"
