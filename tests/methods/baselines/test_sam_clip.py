"""SAM + CLIP against the same steps by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lexiseg
from lexiseg.datasets.miniature_instances import MiniworldObjects
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.errors import UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.baselines import SamClip, SamClipConfig
from lexiseg.methods.baselines.crops import crop_square
from lexiseg.scorers.text import embed_names

NAMES = ["dog", "red apple", "zebra"]
LOOSE = {"points_per_side": 6, "templates": ("a photo of a {}.",), "min_stability": 0.0}


@pytest.fixture
def baseline(tiny_clip, objects):
    return SamClip(tiny_clip, objects, SamClipConfig(**LOOSE))


def test_every_object_is_proposed_once(baseline, world):
    image, objects = world
    scene = baseline.encode(image)
    masks = [proposal.mask.to_array() for proposal in scene.proposals]
    for number in (1, 2, 3):
        ious = [(m & (objects == number)).sum() / (m | (objects == number)).sum() for m in masks]
        assert max(ious) > 0.9


def test_features_are_clips_of_the_crops(baseline, world, tiny_clip):
    image, _ = world
    scene = baseline.encode(image)
    wanted = tiny_clip.preprocessing
    for proposal, feature in zip(scene.proposals, scene.features, strict=True):
        crop = crop_square(image, proposal.mask, wanted.size, "box", 0.0, wanted.mean)
        alone = tiny_clip.image_features(wanted.normalize(crop))
        torch.testing.assert_close(feature, F.normalize(alone, dim=-1)[0], atol=1e-5, rtol=0)


def test_names_compete_with_the_background(baseline, world, tiny_clip):
    scene = baseline.encode(world[0])
    result = baseline.segment(scene, NAMES)
    texts = embed_names(tiny_clip, [*NAMES, "background"], LOOSE["templates"])
    shares = (tiny_clip.logit_scale * scene.features @ texts.T).softmax(dim=1)
    expected = [
        (NAMES[int(row.argmax())], float(row.max()) * proposal.score, proposal.mask)
        for row, proposal in zip(shares, scene.proposals, strict=True)
        if int(row.argmax()) < 3
    ]
    found = [(item.label, item.score, item.mask) for item in result.instances]
    assert len(found) == len(expected) > 0
    for label, score, mask in expected:
        assert any(label == a and mask == c and abs(score - b) < 1e-5 for a, b, c in found)
    for number, name in enumerate(NAMES):
        assert result.presence[name].score == pytest.approx(
            float(shares[:, number].max()), abs=1e-5
        )
        assert result.presence[name].kept == (name in result.instances.labels)


def test_aliases_are_one_class_and_may_be_the_background(baseline, world):
    scene = baseline.encode(world[0])
    answer = baseline.segment(scene, {"dog": "animal", "zebra": "animal", "background": "rest"})
    assert answer.names == ("animal", "rest")
    assert len(answer.instances) == len(scene.proposals)  # no rival is left


def test_improbable_names_are_dropped(tiny_clip, objects, world):
    strict = SamClip(tiny_clip, objects, SamClipConfig(**LOOSE, min_probability=1.0))
    result = strict.segment(world[0], NAMES)
    assert not result.instances.items and not result.presence.kept


def test_nothing_found_is_no_error(tiny_clip, objects, world):
    blind = SamClip(tiny_clip, objects, SamClipConfig(**LOOSE, min_mask_score=1.0))
    result = blind.segment(world[0], NAMES)
    assert not result.instances.items
    assert result.presence["dog"].reason.rpartition(", asked ")[0] == "the segmenter found no mask"


def test_a_real_segmenter_and_any_size(tiny_clip, tiny_sam):
    config = SamClipConfig(**{**LOOSE, "points_per_side": 2}, min_mask_score=-9.0)
    baseline = SamClip(tiny_clip, tiny_sam, config)
    for size in ((1, 1), (9, 70)):
        image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        result = baseline.segment(image, NAMES)
        assert result.size_hw == size and result.recipe.weights["segmenter"] == "custom"


def test_wrong_calls_are_explained():
    with pytest.raises(UnknownNameError, match="no_such"):
        lexiseg.load("sam+clip", preset="no_such")
    with pytest.raises(UnknownNameError, match="no_such_option"):
        lexiseg.load("sam+clip", no_such_option=1)
    with pytest.raises(UsageError, match="margin"):
        SamClipConfig(margin=-1)
    with pytest.raises(UsageError, match="template"):
        SamClipConfig(templates=("a photo",))


def test_absent_weights_name_both_ways_out(monkeypatch):
    monkeypatch.setattr("lexiseg.models.hub._cached_snapshot", lambda hub, revision: None)
    with pytest.raises(WeightsNotFoundError, match="models pull"):
        lexiseg.load("sam+clip", device="cpu")


def test_the_bundled_pair_names_objects_of_miniworld():
    baseline = lexiseg.load("sam+clip", preset="mini", device="cpu", dtype="float32")
    scenes = MiniworldObjects(Miniworld(split="val", seed=91, things=(2, 6)), 3, half_absent=True)
    found = asked = 0
    for number in range(3):
        scene = scenes[number]
        names = [scenes.classes.names[index] for index in scene.asked]
        result = baseline.segment(scene.image, names)
        for thing in scene.objects:
            truth = thing.mask.to_array()
            label = scenes.classes.names[thing.class_index]
            masks = [item.mask.to_array() for item in result.instances if item.label == label]
            found += any((m & truth).sum() > 0.5 * (m | truth).sum() for m in masks)
            asked += 1
    assert found >= 0.25 * asked > 0
