"""Detectors and segmenters joined: detections in, masks and verdicts out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lexiseg
from lexiseg.errors import UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.baselines import GroundedSam, GroundedSamConfig, OwlSam, OwlSamConfig
from lexiseg.models.detectors import Detections
from lexiseg.registry import SEGMENTERS
from lexiseg.types import Method
from tests.models.published_detectors import make_grounding_dino, make_owlv2

NAMES = ["red", "green", "zebra"]


class FixedDetector:
    """Knows where the boxes of the toy world are; "scarlet" is another word for red."""

    device = torch.device("cpu")
    name, fingerprint = "fixed", "1"

    def __init__(self):
        self.boxes = {"red": (10.0, 20, 70, 70), "green": (120.0, 40, 190, 130)}
        self.asked = []

    def encode(self, image):
        return image

    def detect(self, seen, phrases, min_score=0.0, min_word_score=0.0):
        self.asked[:] = phrases
        rows = []
        for number, phrase in enumerate(phrases):
            word = phrase.removeprefix("a photo of a ").replace("scarlet", "red")
            if word in self.boxes:
                rows.append((self.boxes[word], 0.9 - 0.1 * number, number))
                rows.append((tuple(v + 2 for v in self.boxes[word]), 0.5, number))
        rows.append(((-50.0, -50, -10, -10), 0.4, 0))  # outside the image
        boxes, scores, owner = (list(part) for part in zip(*rows, strict=True))
        best = torch.tensor([0.9 - 0.1 * n for n in range(len(phrases))])
        return Detections(torch.tensor(boxes), torch.tensor(scores), torch.tensor(owner), best)


class CornerSegmenter:
    """Answers a box by its center's object."""

    def __init__(self, objects):
        self.objects = objects

    def __getattr__(self, name):
        return getattr(self.objects, name)

    def predict_chunks(self, embedding, *, boxes, multimask):
        assert multimask
        boxes = torch.as_tensor(boxes)
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        for start in range(len(boxes)):
            yield self.objects.predict(embedding, points=centers[start : start + 1, None])


@pytest.fixture(params=[GroundedSam, OwlSam])
def baseline(request, objects):
    return request.param(FixedDetector(), CornerSegmenter(objects))


def test_boxes_become_masks_once(baseline, world):
    image, objects = world
    result = baseline.segment(image, NAMES)
    assert isinstance(baseline, Method)
    assert result.instances.labels == ("red", "green")  # near copies are suppressed
    assert result.instances.scores.tolist() == pytest.approx([0.9, 0.8])
    for number, item in enumerate(result.instances, start=1):
        # The segmenter's best score belongs to the half that holds the center.
        found = item.mask.to_array()
        assert (found & (objects == number)).sum() > 0.95 * found.sum() > 0
        assert item.details["segmenter"] == pytest.approx(0.97)
    assert result.presence.kept == ("red", "green")
    assert (
        result.presence["zebra"].reason.rpartition(", asked ")[0]
        == "no box is its own: others are stronger"
    )
    assert result.recipe.weights["detector"] == "fixed sha256:1"


def test_aliases_are_one_class(baseline, world):
    result = baseline.segment(world[0], {"scarlet": "warm", "green": "cold", "apple": "warm"})
    assert result.names == ("warm", "cold") and result.presence.kept == ("warm", "cold")
    assert set(result.instances.labels) == {"warm", "cold"}


def test_thresholds_and_limits(objects, world):
    parts = FixedDetector(), CornerSegmenter(objects)
    every = GroundedSam(*parts, GroundedSamConfig(nms_iou=1.0)).segment(world[0], NAMES)
    assert len(every.instances) == 4
    one = GroundedSam(*parts, GroundedSamConfig(max_objects=1)).segment(world[0], NAMES)
    assert one.instances.labels == ("red",)
    strict = OwlSam(*parts, OwlSamConfig(min_score=0.75)).segment(world[0], NAMES)
    assert (
        strict.presence["zebra"].reason.rpartition(", asked ")[0]
        == "best box 0.70 is not above 0.75"
    )


def test_owl_reads_names_in_a_sentence(objects, world):
    owl = OwlSam(FixedDetector(), CornerSegmenter(objects))
    owl.segment(world[0], ["red"])
    assert owl.detector.asked == ["a photo of a red"]


@pytest.mark.parametrize("method", ["grounded-sam", "owlv2+sam"])
def test_from_folders_to_masks(method, tmp_path, monkeypatch, tiny_sam, photo):
    make = make_grounding_dino if method == "grounded-sam" else make_owlv2
    make(tmp_path)
    monkeypatch.setitem(SEGMENTERS._targets, "tiny", lambda **_: tiny_sam)
    loose = {"min_score": 0.0, "max_objects": 3, "nms_iou": 1.0}
    if method == "grounded-sam":
        loose["min_word_score"] = 0.0
    baseline = lexiseg.load(
        method, detector_weights=tmp_path, segmenter="tiny", device="cpu", **loose
    )
    scene = baseline.encode(photo)
    first, again = (baseline.segment(scene, ["dog", "red apple"]) for _ in range(2))
    assert first.instances.items == again.instances.items and 0 < len(first.instances) <= 3
    assert all(item.mask.size_hw == photo.shape[:2] for item in first.instances)
    box = first.instances[0]
    assert 0 <= box.score <= 1 and first.recipe.method == method
    assert baseline.segment(np.zeros((1, 1, 3), np.uint8), ["dog"]).size_hw == (1, 1)


@pytest.mark.parametrize("method", ["grounded-sam", "owlv2+sam"])
def test_wrong_calls_are_explained(method, monkeypatch):
    with pytest.raises(UnknownNameError, match="paper, small"):
        lexiseg.load(method, preset="mini")
    with pytest.raises(UnknownNameError, match="no_such_option"):
        lexiseg.load(method, no_such_option=1)
    with pytest.raises(UsageError, match="nms_iou"):
        lexiseg.load(method, nms_iou=7)
    monkeypatch.setattr("lexiseg.models.hub._cached_snapshot", lambda hub, revision: None)
    with pytest.raises(WeightsNotFoundError, match="models pull"):
        lexiseg.load(method, device="cpu")
