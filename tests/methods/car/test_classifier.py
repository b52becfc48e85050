"""The mask classifier's scores."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.methods.car import CaR
from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import PAPER, RELEASED, CarConfig, Procedure
from lexiseg.models.clip import Clip, PositionTable
from lexiseg.ops.stopwatch import Stopwatch


def softmax(values: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


@pytest.mark.parametrize("procedure", [PAPER, RELEASED], ids=["paper", "released"])
def test_similarities_equal_nested_loops(classifier: Clip, procedure: Procedure) -> None:
    torch.manual_seed(0)
    judge = MaskClassifier(classifier, CarConfig(procedure=procedure))
    images = F.normalize(torch.randn(2, 24), dim=-1)
    texts = F.normalize(torch.randn(3, 4, 24), dim=-1)
    scores = judge.similarities(images, texts)
    for i in range(2):
        shares = [
            softmax([classifier.logit_scale * float(images[i] @ name) for name in template])
            for template in texts
        ]
        summed = [sum(column) for column in zip(*shares, strict=True)]
        expected = softmax(summed) if procedure is RELEASED else [s / 3 for s in summed]
        assert scores[i].tolist() == pytest.approx(expected, abs=1e-5)


def test_one_template_has_one_softmax(classifier: Clip) -> None:
    images, texts = torch.eye(24)[:2], torch.eye(24)[None, :3]
    both = [
        MaskClassifier(classifier, CarConfig(procedure=procedure)).similarities(images, texts)
        for procedure in (PAPER, RELEASED)
    ]
    torch.testing.assert_close(both[0], both[1])


def test_chunks_do_not_change_similarities(
    classifier: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = MaskClassifier(classifier, CarConfig())
    images, texts = torch.randn(5, 24), torch.randn(3, 4, 24)
    whole = judge.similarities(images, texts)
    monkeypatch.setattr("lexiseg.methods.car.classifier.CHUNK_ELEMENTS", 1)
    torch.testing.assert_close(judge.similarities(images, texts), whole)


def test_the_released_classifier_leaves_out_its_last_block(classifier: Clip) -> None:
    pixels = torch.randn(1, 3, 32, 32)
    plain = MaskClassifier(classifier, CarConfig()).embed(pixels)
    torch.testing.assert_close(plain, F.normalize(classifier.image_features(pixels), dim=-1))
    released = MaskClassifier(classifier, CarConfig(procedure=RELEASED)).embed(pixels)
    tower = classifier.visual
    tokens = tower.run(tower.embed(pixels, PositionTable(round_fp16=True)), stop=2)
    torch.testing.assert_close(released, F.normalize(tower.project(tokens[:, 0]), dim=-1))
    assert not torch.allclose(plain, released, atol=1e-3)


def test_a_faint_proposal_leaves_the_image_unprompted(car: CaR, picture: object) -> None:
    scene = car.encode(picture())  # type: ignore[operator]
    judge = MaskClassifier(car.classifier, replace(car.config, prompts=("black",)))
    rows, columns = scene.grid_hw
    maps = torch.zeros(3, rows * columns)
    maps[1] = 1.0
    maps[2, 0] = 0.3
    faint, full, dim = judge.prompted_images(scene, maps, ("black",))
    np.testing.assert_array_equal(faint, scene.canvas)
    np.testing.assert_array_equal(full, scene.canvas)
    assert not dim.any()  # more than one pixel of mass, but nothing above eta


def test_batches_do_not_change_scores(
    car: CaR, picture: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = car.encode(picture())  # type: ignore[operator]
    judge = MaskClassifier(car.classifier, car.config)
    rows, columns = scene.grid_hw
    maps = torch.rand(5, rows * columns, generator=torch.Generator().manual_seed(0))
    arguments = (scene, maps, ("circle",), [f"name {i}" for i in range(5)], [], Stopwatch())
    together = judge(*arguments)
    monkeypatch.setattr("lexiseg.methods.car.classifier.IMAGE_BATCH", 2)
    torch.testing.assert_close(judge(*arguments), together)
