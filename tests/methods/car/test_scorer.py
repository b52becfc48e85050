"""CaR's recurrence as score maps of windows."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import ORIGAMI
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.recurrence import Question, Recurrence
from lexiseg.methods.car.scene import encode_scene
from lexiseg.methods.car.scorer import CarScorer
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.scorers.dense_maps import WindowConfig, encode_windows

NAMES = ["dog", "red apple", "zebra", "tall tree"]
WORDS = ("sky", "wall")


@pytest.fixture(scope="module")
def clip():
    path = Path(__file__).parents[2] / "scorers" / "conftest.py"
    spec = importlib.util.spec_from_file_location("tiny_clip_of_car", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.make_clip()


def make(clip, **options):
    settings = {"templates": (ORIGAMI,), "background": WORDS, "theta": 0.25, **options}
    return CarScorer(clip, **settings)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pixels_of(scorer, *images):
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return scorer.normalize(batch)


def by_car(clip, config, image, names, background):
    """The maps that CaR's own recurrence ends with."""
    scene = encode_scene(image, clip, config)
    question = Question(tuple(names), tuple(background), config.prompts)
    judge = MaskClassifier(clip, config)
    run = Recurrence(ProposalGenerator(clip, config), judge, config)
    trace = run.run(scene, question, Stopwatch())
    maps = torch.zeros(len(names), *scene.grid_hw)
    for position, proposal in zip(trace.kept, trace.proposals, strict=True):
        maps[position] = proposal.reshape(scene.grid_hw)
    return maps, trace


@pytest.mark.parametrize("steps", [None, 0, 1])
def test_maps_are_those_of_cars_recurrence(clip, steps):
    scorer = make(clip, max_steps=steps)
    images = [picture(48, 64, seed) for seed in (0, 1)]
    features = scorer.encode(pixels_of(scorer, *images))
    scores = scorer.score(features, scorer.embed_texts(NAMES))
    assert scores.shape == (2, 6, 8, 4)
    config = replace(scorer.config.recurrence, templates=(ORIGAMI,))
    removed = 0
    for image, found in zip(images, scores, strict=True):
        maps, trace = by_car(clip, config, image, NAMES, WORDS)
        torch.testing.assert_close(found.permute(2, 0, 1), maps, atol=2e-5, rtol=1e-4)
        removed += len(NAMES) - len(trace.kept)
    assert scores.amax() > 0.5 and (removed > 0) == (steps != 0)


def test_windows_keep_their_pictures(clip):
    scorer = make(clip)
    image = picture(48, 64)
    features = scorer.encode(pixels_of(scorer, image))
    np.testing.assert_array_equal(features.images[0].permute(1, 2, 0).numpy(), image)
    both = type(features).concatenate([features, features])
    assert both.images.shape == (2, 3, 48, 64) and len(both[1:].tokens) == 1


def test_background_words_that_are_asked_do_not_compete(clip):
    scorer = make(clip, max_steps=0)
    features = scorer.encode(pixels_of(scorer, picture(48, 48)))
    with_sky = scorer.score(features, scorer.embed_texts(["dog", "sky"]))
    alone = make(clip, max_steps=0, background=("wall",))
    torch.testing.assert_close(with_sky, alone.score(features, alone.embed_texts(["dog", "sky"])))


def test_feeds_the_window_engine(clip):
    scorer = make(clip, max_steps=1)
    maps = encode_windows(scorer, picture(60, 80), WindowConfig(sizes=(32, 48), batch=5))
    assert maps.maps(scorer.embed_texts(NAMES)).shape[0] == 4
    assert maps.image_scores(scorer.embed_texts(NAMES)).shape == (len(maps.windows), 4)
