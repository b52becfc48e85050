"""What every promptable segmenter promises, whatever its family."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.models.sam import AutomaticConfig, AutomaticMasks
from lexiseg.types import MaskProposer, PromptableSegmenter

HW = (40, 56)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (*HW, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(1).uniform((0, 0), HW[::-1], (5, 1, 2)).astype(np.float32)


def same(one, other):
    torch.testing.assert_close(one.logits, other.logits, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(one.scores, other.scores, atol=2e-5, rtol=1e-4)


def test_fulfils_the_protocol(segmenter):
    assert isinstance(segmenter, PromptableSegmenter)
    assert isinstance(AutomaticMasks(segmenter), MaskProposer)


def test_is_deterministic_and_answers_differ_by_prompt(segmenter, image, points):
    first = segmenter.predict(segmenter.encode(image), points=points)
    again = segmenter.predict(segmenter.encode(image), points=points)
    assert torch.equal(first.logits, again.logits) and torch.equal(first.scores, again.scores)
    assert first.logits.shape[:2] == (5, 3) and first.scores.shape == (5, 3)
    assert first.scores.dtype == torch.float32
    assert (first.logits[0] - first.logits[1]).abs().max() > 1e-4
    assert (first.logits[:, 0] - first.logits[:, 1]).abs().max() > 1e-4


def test_single_mask(segmenter, image, points):
    answer = segmenter.predict(segmenter.encode(image), points=points, multimask=False)
    assert answer.logits.shape[:2] == (5, 1) and answer.scores.shape == (5, 1)


def test_a_batch_is_its_prompts_one_by_one(segmenter, image, points):
    embedding = segmenter.encode(image)
    batch = segmenter.predict(embedding, points=points)
    for number in range(len(points)):
        alone = segmenter.predict(embedding, points=points[number : number + 1])
        torch.testing.assert_close(alone.logits[0], batch.logits[number], atol=2e-5, rtol=1e-4)


def test_chunks_join_to_the_whole(segmenter, image, points, monkeypatch):
    embedding = segmenter.encode(image)
    whole = segmenter.predict(embedding, points=points)
    monkeypatch.setattr(segmenter, "prompts_at_once", 2)
    parts = list(segmenter.predict_chunks(embedding, points=points))
    assert [len(part) for part in parts] == [2, 2, 1]
    same(segmenter.predict(embedding, points=points), whole)


def test_no_prompts(segmenter, image):
    embedding = segmenter.encode(image)
    answer = segmenter.predict(embedding, points=np.zeros((0, 1, 2)))
    assert answer.logits.shape[:2] == (0, 3) and answer.scores.shape == (0, 3)
    assert list(segmenter.predict_chunks(embedding, boxes=[])) == []
    shape = segmenter.predict(embedding, points=[[[3.0, 3.0]]]).logits.shape
    assert answer.logits.shape[2:] == shape[2:]
    assert segmenter.full_size(answer.logits, embedding).shape == (0, 3, *HW)


def test_points_outside_are_answered(segmenter, image):
    outside = np.array([[[-500.0, 20]], [[1e5, 1e5]]])
    answer = segmenter.predict(segmenter.encode(image), points=outside)
    assert torch.isfinite(answer.logits).all() and torch.isfinite(answer.scores).all()


def test_boxes_labels_and_masks(segmenter, image, points):
    embedding = segmenter.encode(image)
    boxes = np.array([[3, 4, 30, 35], [0, 0, 56, 40]], dtype=np.float32)
    by_box = segmenter.predict(embedding, boxes=boxes)
    assert by_box.logits.shape[:2] == (2, 3)
    pair = np.array([[[5, 5], [30, 30]], [[9, 9], [20, 20]]], dtype=np.float32)
    inside = segmenter.predict(embedding, points=pair, labels=np.ones((2, 2)))
    mixed = segmenter.predict(embedding, points=pair, labels=np.array([[1, 0], [1, 0]]))
    assert (inside.logits - mixed.logits).abs().max() > 1e-4
    both = segmenter.predict(embedding, points=pair, boxes=boxes)
    assert (both.logits - by_box.logits).abs().max() > 1e-4
    again = segmenter.predict(embedding, points=pair, masks=inside.logits[:, 0])
    assert (again.logits - inside.logits).abs().max() > 1e-4
    assert segmenter.predict(embedding, masks=inside.logits[:, 0]).logits.shape[:2] == (2, 3)


def test_inputs_are_left_alone(segmenter, image, points):
    before = image.copy(), points.copy()
    tensor, boxes = torch.from_numpy(points.copy()), torch.tensor([[1.0, 2, 20, 30]])
    embedding = segmenter.encode(image)
    maps = [tensor_.clone() for tensor_ in embedding.maps]
    logits = segmenter.predict(embedding, points=tensor).logits
    kept = logits.clone()
    segmenter.predict(embedding, boxes=boxes)
    segmenter.predict(embedding, points=points, masks=logits[:, 0])
    segmenter.full_size(logits, embedding)
    assert np.array_equal(image, before[0]) and np.array_equal(points, before[1])
    assert torch.equal(tensor, torch.from_numpy(points)) and torch.equal(logits, kept)
    assert boxes.tolist() == [[1.0, 2, 20, 30]]
    assert all(torch.equal(a, b) for a, b in zip(maps, embedding.maps, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (90, 20), (20, 90), (3, 200)])
def test_sizes(segmenter, size):
    image = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    embedding = segmenter.encode(image)
    assert embedding.size_hw == size
    answer = segmenter.predict(embedding, points=[[[0.5, 0.5]]])
    large = segmenter.full_size(answer.logits, embedding)
    assert large.shape == (1, 3, *size) and large.dtype == torch.float32
    assert torch.isfinite(large).all()
    assert segmenter.full_size(answer.logits[0, 0], embedding).shape == size


def test_automatic_masks(segmenter, image):
    config = AutomaticConfig(points_per_side=3, min_score=-9.0, min_stability=0.0)
    masks = AutomaticMasks(segmenter, config).propose_masks(image)
    assert masks and all(mask.size_hw == HW and mask.area > 0 for mask in masks)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"labels": [[1]]},
        {"points": [[1.0, 2.0]]},
        {"points": [[[1.0, 2.0, 3.0]]]},
        {"points": [[[float("nan"), 2.0]]]},
        {"points": [[[1.0, 2.0]]], "labels": [[1, 1]]},
        {"points": [[[1.0, 2.0]]], "labels": [[2]]},
        {"points": [[[1.0, 2.0]]], "boxes": [[0, 0, 1, 1], [0, 0, 2, 2]]},
        {"boxes": [[0, 0, 1]]},
        {"masks": [[0.0]]},
    ],
)
def test_wrong_prompts_are_explained(segmenter, image, wrong):
    with pytest.raises(UsageError):
        segmenter.predict(segmenter.encode(image), **wrong)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_wrong_images_are_explained(segmenter, wrong):
    with pytest.raises(UsageError):
        segmenter.encode(wrong)
