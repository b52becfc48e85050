"""Which names are taken to be in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.methods.openworldsam.config import ClipFilter
from lexiseg.methods.openworldsam.presence import judge_by_clip, judge_by_object, see_windows
from lexiseg.models.clip import Clip
from lexiseg.registry import METHODS, SCORERS

NAMES = ["dog", "grass", "zebra"]
FILTER = ClipFilter(long_side=112, windows=(56, 112))


def test_the_object_token_speaks_for_a_name_by_its_best_query(answers_of):
    answers = answers_of(0, objects=True)
    verdicts = judge_by_object(answers, [0, 2], 0.5)
    for name, verdict in zip((0, 2), verdicts, strict=True):
        best = float(answers.object_logits[answers.prompts == name].max())
        assert verdict.score == pytest.approx(1 / (1 + np.exp(-best)), abs=1e-6)
        assert verdict.kept == (best >= 0)
    with pytest.raises(UsageError, match="object token"):
        judge_by_object(answers_of(0), [0], 0.5)


def test_names_without_an_object_are_nowhere(load, image):
    method = load(presence="learned", min_score=0.0, scope="each")
    scene = method.encode(image)
    scores = [entry.score for entry in method.segment(scene, NAMES).presence.values()]
    between = float(np.sort(scores)[-2:].mean())
    strict = method.configured(min_object=between).segment(scene, NAMES)
    winner = NAMES[int(np.argmax(scores))]
    assert strict.presence.kept == (winner,)
    assert set(strict.instances.labels) == {winner}
    assert set(np.unique(strict.semantic.ids)) == {NAMES.index(winner) + 1}
    for name in NAMES:
        word = "reaches" if name == winner else "is below"
        assert f"{word} {between:g}" in strict.presence[name].reason
    nobody = method.configured(min_object=1.0).segment(scene, NAMES)
    assert not nobody.presence.kept and not len(nobody)
    assert not nobody.semantic.ids.any() and not nobody.panoptic.segments
    told = method.configured(min_object=between).refer(scene, NAMES)
    assert told.presence.kept == (winner,) == told.instances.labels


def test_clip_refuses_before_the_encoder_reads(load, image):
    method = load(presence="clip", clip_weights="mini-clip-proposal", min_score=0.0,
                  **{"clip.long_side": 112, "clip.windows": (56, 112)})  # fmt: skip
    scene = method.encode(image)
    everything = method.configured(**{"clip.min_margin": -2.0}).segment(scene, NAMES)
    assert everything.presence.kept == tuple(NAMES)
    scores = [entry.score for entry in everything.presence.values()]
    ranked = np.sort(np.log(np.array(scores) / (1 - np.array(scores)))) / 100
    read = []
    fresh, pair = method.encode(image), method.encoder.pair_features
    method.encoder.pair_features = lambda pixels, texts: read.extend(texts) or pair(pixels, texts)
    between = float(ranked[-2:].mean())
    some = method.configured(**{"clip.min_margin": between}).segment(fresh, NAMES)
    winner = NAMES[int(np.argmax(scores))]
    assert some.presence.kept == (winner,) and read == [winner]
    assert "refuses it" in some.presence[next(n for n in NAMES if n != winner)].reason
    none = method.configured(**{"clip.min_margin": 2.0}).segment(fresh, NAMES)
    assert not none.presence.kept and not len(none) and read == [winner]


def test_clip_is_needed_where_it_is_asked(method, image):
    with pytest.raises(UsageError, match='presence="clip" needs a CLIP'):
        method.configured(presence="clip").segment(image, NAMES)


@torch.no_grad()
def test_it_decides_as_the_filter_of_tides_does():
    """Same windows, same background: the same names stay, at every margin."""
    tides = METHODS["tides"].load(preset="mini", device="cpu", dtype="float32")
    image = np.random.default_rng(2).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    image = image.repeat(32, axis=0).repeat(32, axis=1)
    background = tides.config.background
    scorer = SCORERS["clip"](Clip.load("mini-clip-proposal", "cpu", "float32"))
    names = [*bundled()[:12], background[0]]
    ours = ClipFilter(288, tides.config.windows, tides.config.stride, background, -0.04)
    theirs = tides.segment(image, names).presence
    (windows,) = see_windows(scorer, [image], ours)
    verdicts = judge_by_clip(windows, [(name,) for name in names], ours)
    close = [abs(v.score - theirs[name].score) for v, name in zip(verdicts, names, strict=True)]
    assert max(close) < 0.2 and np.median(close) < 0.05


def bundled():
    from lexiseg.models.bundled import bundled_names

    return bundled_names().things
