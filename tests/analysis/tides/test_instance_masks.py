"""Points, comparisons and IO scores of the study against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.analysis.tides.instance_masks import (
    ObjectAnswers,
    compare,
    identity_scores,
    image_seed,
    prompt_objects,
    random_points,
)
from lexiseg.methods.tides import TidesConfig
from lexiseg.methods.tides.proposals import Foreground
from lexiseg.types import Mask


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_points_lie_in_the_mask_and_differ_where_they_can(pixels, count, seed):
    array = np.zeros((7, 9), bool)
    array.flat[np.random.default_rng(seed).choice(63, pixels, replace=False)] = True
    mask = Mask.from_array(array)
    points = random_points(mask, count, (seed, 0))
    assert points.shape == (count, 2) and np.array_equal(
        points, random_points(mask, count, (seed, 0))
    )
    columns, rows = np.floor(points).astype(int).T
    assert array[rows, columns].all() and (points % 1 == 0.5).all()
    if pixels >= count:
        assert len({tuple(point) for point in points}) == count


def test_points_of_an_image_depend_on_no_other():
    mask = Mask.from_array(np.ones((50, 50), bool))
    one, other = (random_points(mask, 5, image_seed(name, 0)) for name in ("a", "b"))
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, random_points(mask, 5, image_seed("a", 1)))


def test_iou_and_share_inside():
    rng = np.random.default_rng(0)
    masks, true = rng.random((6, 8, 9)) > 0.5, rng.random((8, 9)) > 0.4
    masks[5] = False
    iou, inside = compare(torch.from_numpy(masks), torch.from_numpy(true))
    for number, mask in enumerate(masks):
        both = (mask & true).sum()
        assert iou[number] == pytest.approx(both / (mask | true).sum())
        assert inside[number] == pytest.approx(both / mask.sum() if mask.any() else 0)


def test_every_point_is_answered_for_its_own_object(tides, boxes):
    sample = boxes()[2]
    scene = tides.encode(sample.image)
    tides.segmenter.predict_chunks = chunks_of_four(tides.segmenter)
    answers = prompt_objects(scene, tides.segmenter, sample.objects, 3, (0, 1))
    assert len(answers) == 3
    for one in answers:
        half, whole, _ = one.iou.T
        assert one.iou.shape == one.inside.shape == (3, 3) and len(one.cells) == 9
        assert (whole > 0.9).all() and ((half > 0.35) & (half < 0.6)).all()
        assert (one.inside[:, 0] > 0.9).all()
        assert torch.equal(one.scores[0], torch.tensor([0.97, 0.9, 0.88]))
    assert prompt_objects(scene, tides.segmenter, (), 3, (0, 1)) == []


def chunks_of_four(segmenter):
    def predict_chunks(embedding, *, points):
        for start in range(0, len(points), 4):
            yield segmenter.predict(embedding, points=points[start : start + 4])

    return predict_chunks


def test_io_scores_against_the_formula():
    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.random((2, 30)).astype(np.float32))
    cells = values > 0.3
    config = TidesConfig(bins=4, bandwidth=0.4)
    answers, classes = [], [1, 0, 1]
    for _ in classes:
        masks = torch.from_numpy(rng.random((6, 30)) > 0.5)
        masks[0] = False
        answers.append(
            ObjectAnswers(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3), masks)
        )
    found = identity_scores(answers, classes, Foreground(values, cells, (5, 6)), config)
    for place, own in enumerate(classes):
        pool = torch.cat([answers[k].cells for k in range(3) if classes[k] == own])
        points = [histogram(mask, values[own], cells[own]) for mask in pool]
        points = [point for point in points if point is not None]
        for mask, score in zip(answers[place].cells, found[place].flatten(), strict=True):
            point = histogram(mask, values[own], cells[own])
            if point is None:
                assert score == 0
                continue
            away = [np.exp(-((point - other) ** 2).sum() / (2 * 0.4**2)) for other in points]
            assert float(score) == pytest.approx(np.mean(away), abs=1e-5)


def histogram(mask, values, cells):
    inside = (mask & cells).numpy()
    if not inside.any():
        return None
    counts, _ = np.histogram(values.numpy()[inside], 4, (0, 1))
    return counts / inside.sum()
