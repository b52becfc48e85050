"""Points, comparisons and IO scores of the study against slow twins."""

from __future__ import annotations

from dataclasses import replace

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
from lexiseg.methods.tides.identification import identify
from lexiseg.methods.tides.proposals import Foreground, propose
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.semantic_features import find_foreground
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Mask, Vocabulary


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
    config = TidesConfig(bins=4, bandwidth=0.4, min_overlap=0.3, histogram_cells="mask")
    answers, classes = [], [1, 0, 1]
    for _ in classes:
        masks = torch.from_numpy(rng.random((6, 30)) > 0.5)
        masks[0] = False
        answers.append(
            ObjectAnswers(*[torch.zeros(2, 3)] * 4, masks, torch.zeros(6, dtype=torch.long))
        )
    found = identity_scores(answers, classes, Foreground(values, cells, (5, 6)), config)
    for place, own in enumerate(classes):
        pool = torch.cat([answers[k].cells for k in range(3) if classes[k] == own])
        points = [histogram(mask, values[own], cells[own]) for mask in pool]
        points = [point for point in points if point is not None]
        assert 0 < len(points) < len(pool)
        for mask, score in zip(answers[place].cells, found[place].flatten(), strict=True):
            point = histogram(mask, values[own], cells[own])
            if point is None:
                assert score == 0
                continue
            away = [np.exp(-((point - other) ** 2).sum() / (2 * 0.4**2)) for other in points]
            assert float(score) == pytest.approx(np.mean(away), abs=1e-5)


def histogram(mask, values, cells):
    """Of all cells of a proposal; None for masks that meet too little of the foreground."""
    if (mask & cells).sum() <= 0.3 * (mask | cells).sum():
        return None
    counts, _ = np.histogram(values.numpy()[mask.numpy()], 4, (0, 1))
    return counts / mask.sum().item()


def test_candidates_are_proposals_where_the_method_makes_them_so(tides, boxes):
    """Prompted at cells that the method prompts, they get the IO scores of its step D."""
    sample = boxes()[0]
    scene = tides.encode(sample.image)
    question = Question.ask(Vocabulary.parse("red"), tides.scorer, tides.config)
    foreground = find_foreground(scene, question, [0], tides.scorer, tides.config)
    pool = propose(scene, foreground, tides.config, Stopwatch())
    proposals = pool.of_class(0)
    every = pool.masks.rows_of(foreground.points(tides.config))
    masks = pool.masks.unpacked(every.repeat_interleave(3), torch.arange(3).repeat(len(every)))
    shape = (len(every), 3)
    answer = ObjectAnswers(
        torch.zeros(shape), torch.zeros(shape), pool.masks.scores[every],
        pool.masks.stability[every], masks,
        foreground.points(tides.config).repeat_interleave(3),
    )  # fmt: skip
    (io,) = identity_scores([answer], [0], foreground, tides.config)
    assert 0 < len(proposals) == int((io > 0).sum())
    found = identify(
        proposals, foreground.values[0], foreground.cells[0], foreground.shape,
        replace(tides.config, density_rule="quantile", min_density=0.0, cluster="all", nms_iou=1.0),
    )  # fmt: skip
    assert sorted(found.io_scores.tolist()) == pytest.approx(sorted(io[io > 0].tolist()))


def test_points_lie_in_the_cells_of_their_centers(tides, boxes):
    canvas = tides.encode(boxes()[1].image).canvas
    cells = torch.arange(canvas.cells.shape[0] * canvas.cells.shape[1])
    assert torch.equal(canvas.cells_of(canvas.image_points(cells)), cells)
