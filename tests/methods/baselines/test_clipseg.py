"""CLIPSeg as a segmenter: competition of names, threshold, verdicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F

import lexiseg
from lexiseg.errors import UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.baselines import ClipSegConfig, ClipSegMethod
from lexiseg.methods.baselines import clipseg as module
from lexiseg.types import Method
from tests.models.published_detectors import make_clipseg

NAMES = ["dog", "red apple", "zebra"]


@pytest.fixture(scope="module")
def method(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clipseg")
    make_clipseg(folder)
    return lexiseg.load("clipseg", weights=folder, device="cpu", dtype="float32")


def test_every_pixel_gets_its_strongest_name(method, photo):
    assert isinstance(method, Method)
    scene = method.encode(photo)
    maps = method.network.maps(scene.seen, NAMES)
    large = F.interpolate(maps[None], photo.shape[:2], mode="bilinear")[0].sigmoid().numpy()
    bound = float(np.median(large.max(axis=0)))
    loose = ClipSegMethod(method.network, ClipSegConfig(min_probability=bound))
    result = loose.segment(scene, NAMES)
    label = np.where(large.max(axis=0) > bound, large.argmax(axis=0) + 1, 0)
    np.testing.assert_array_equal(result.semantic.ids, label)
    assert 0 < (label == 0).sum() < label.size and len(result.instances) > 1
    for item in result.instances:
        inside = label == NAMES.index(item.label) + 1
        assert item.score == pytest.approx(large.max(axis=0)[inside].mean(), abs=1e-5)
    for number, name in enumerate(NAMES):
        assert result.presence[name].score == pytest.approx(large[number].max(), abs=1e-5)
        assert result.presence[name].kept == (name in result.instances.labels)


def test_chunks_and_aliases_change_nothing(method, photo, monkeypatch):
    scene = method.encode(photo)
    whole = method.segment(scene, NAMES)
    monkeypatch.setattr(module, "TEXTS_AT_ONCE", 1)
    again = method.segment(scene, NAMES)
    np.testing.assert_array_equal(whole.semantic.ids, again.semantic.ids)
    joined = method.segment(scene, {"dog": "animal", "zebra": "animal", "red apple": "fruit"})
    wanted = np.array([0, 1, 2, 1])[whole.semantic.ids]
    np.testing.assert_array_equal(joined.semantic.ids, wanted)


def test_nothing_is_probable_enough(method, photo):
    strict = ClipSegMethod(method.network, ClipSegConfig(min_probability=1.0))
    result = strict.segment(photo, NAMES)
    assert not result.presence.kept and "not above 1.00" in result.presence["dog"].reason
    assert result.recipe.method == "clipseg" and result.recipe.timing_ms["total"] > 0
    assert method.segment(np.zeros((1, 1, 3), np.uint8), NAMES).size_hw == (1, 1)


def test_wrong_calls_are_explained(monkeypatch):
    with pytest.raises(UnknownNameError, match="paper"):
        lexiseg.load("clipseg", preset="mini")
    with pytest.raises(UnknownNameError, match="no_such_option"):
        lexiseg.load("clipseg", no_such_option=1)
    with pytest.raises(UsageError, match="template"):
        lexiseg.load("clipseg", template="a photo")
    monkeypatch.setattr("lexiseg.models.hub._cached_snapshot", lambda hub, revision: None)
    with pytest.raises(WeightsNotFoundError, match="models pull clipseg"):
        lexiseg.load("clipseg", device="cpu")
