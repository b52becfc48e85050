"""CaR as a whole, on random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.car_plain import PlainCar
from lexiseg.errors import UnknownNameError, UsageError, WeightsNotFoundError
from lexiseg.methods.car import CaR, CarConfig
from lexiseg.methods.car.config import PAPER, RELEASED
from lexiseg.methods.car.proposals import enlarge
from lexiseg.methods.car.recurrence import Question
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Method

Paint = Callable[..., NDArray[np.uint8]]
NAMES = ("cat", "red car", "boat", "tree house", "lamp")


@pytest.mark.parametrize("procedure", [PAPER, RELEASED], ids=["paper", "released"])
@pytest.mark.parametrize("theta", [0.195, 0.21])
@pytest.mark.parametrize("size", [(52, 75), (90, 40)])
def test_equals_a_plain_transcription_of_the_published_procedure(
    car: CaR, picture: Paint, procedure: object, theta: float, size: tuple[int, int]
) -> None:
    config = replace(car.config, procedure=procedure, theta=theta, background=("sky", "water"))
    image, background = picture(*size), ("sky", "water")
    names, scores, proposals = PlainCar(car.proposal, car.classifier, config).run(
        image, NAMES, background
    )
    fast = CaR(car.proposal, car.classifier, config)
    trace = fast._recurrence(config, separate=False).run(
        fast.encode(image), Question(NAMES, background, config.prompts), Stopwatch()
    )
    assert [NAMES[position] for position in trace.kept] == names
    assert trace.scores == pytest.approx(scores, abs=2e-5)
    grid = fast.encode(image).grid_hw
    torch.testing.assert_close(enlarge(trace.proposals, grid, size), proposals, atol=2e-4, rtol=0)
    assert 0 < len(names) < len(NAMES)


def test_answers_every_name_once_in_the_order_asked(car: CaR, picture: Paint) -> None:
    result = car.segment(picture(), NAMES)
    assert isinstance(car, Method)
    assert result.names == NAMES == tuple(result.presence)
    assert result.instances.labels == result.presence.kept
    assert result.instances.dense_masks().sum(axis=0).max() <= 1
    assert result.size_hw == (52, 75)


def test_a_scene_answers_like_its_image(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    first, again = car.segment(scene, NAMES), car.segment(scene, NAMES)
    direct = car.segment(picture(), NAMES)
    assert first.instances == again.instances == direct.instances
    assert first.presence == direct.presence


def test_the_image_is_not_changed(car: CaR, picture: Paint) -> None:
    image = picture()
    car.segment(image, NAMES)
    np.testing.assert_array_equal(image, picture())


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (10, 2000), (7, 9), (33, 17)])
def test_any_image_size_gets_masks_of_its_own_size(
    car: CaR, picture: Paint, size: tuple[int, int]
) -> None:
    result = car.configured(max_steps=0).segment(picture(*size), NAMES)
    assert result.size_hw == size
    assert all(item.mask.size_hw == size for item in result.instances)


def test_large_images_are_worked_on_at_a_bounded_size(car: CaR, picture: Paint) -> None:
    small = car.configured(max_side=40)
    scene = small.encode(picture(80, 60))
    assert scene.canvas_hw == (40, 30)
    assert car.encode(picture(80, 60)).canvas_hw == (80, 60)
    result = small.configured(max_steps=0).segment(scene, NAMES)
    assert all(item.mask.size_hw == (80, 60) for item in result.instances)


def test_one_name_stays_unless_everything_may_be_rejected(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    strict = car.configured(theta=1.0)
    kept = strict.segment(scene, NAMES).presence
    assert len(kept.kept) <= 1
    verdicts = [entry for entry in kept.values() if "removed" not in entry.reason]
    assert len(verdicts) == 1
    refused = strict.configured(reject_all=True).segment(scene, NAMES)
    assert refused.presence.kept == ()
    assert len(refused.instances) == 0
    assert not refused.semantic.ids.any()


def test_a_lone_name_is_certain_unless_it_may_be_rejected(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    assert car.segment(scene, "cat").presence["cat"].score == 1
    judged = car.configured(reject_all=True, theta=0.0).segment(scene, "cat").presence["cat"]
    assert 0 < judged.score < 1


def test_removed_names_say_where_and_why(car: CaR, picture: Paint) -> None:
    removed = [
        entry
        for entry in car.segment(picture(), NAMES).presence.values()
        if entry.reason.startswith("removed")
    ]
    assert removed
    for entry in removed:
        assert entry.reason.rpartition(", asked ")[0] == (
            f"removed in step {entry.step}: score {entry.score:.2f} is below 0.20"
        )


def test_aliases_answer_as_one_class(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    aliased = car.segment(scene, {"boat": "vessel", "lamp": "vessel", "cat": "cat"})
    assert aliased.names == ("vessel", "cat")
    alone = [car.segment(scene, {word: "vessel", "cat": "cat"}) for word in ("boat", "lamp")]
    assert aliased.presence in [result.presence for result in alone]


def test_prefilter_leaves_out_distant_names_visibly(car: CaR, picture: Paint) -> None:
    scene = car.encode(picture())
    tight = car.configured(prefilter=0.0).segment(scene, NAMES).presence
    left_out = [entry for entry in tight.values() if "prefilter" in entry.reason]
    assert len(left_out) == len(NAMES) - 1
    assert not any(entry.kept for entry in left_out)
    wide = car.configured(prefilter=1000.0).segment(scene, NAMES)
    assert wide.presence == car.segment(scene, NAMES).presence


def test_stuff_is_found_in_a_run_of_its_own(car: CaR, picture: Paint) -> None:
    split = car.configured(stuff=("Boat", "lamp"), max_steps=0)
    result = split.segment(picture(), NAMES)
    kinds = {item.label: item.is_thing for item in result.instances}
    assert {kinds.get("boat", False), kinds.get("lamp", False)} == {False}
    assert all(kinds.get(name, True) for name in ("cat", "red car", "tree house"))


@pytest.mark.parametrize(
    "options",
    [
        {"affinity": False},
        {"refinements": 0},
        {"refinements": 1},
        {"use_crf": False},
        {"max_steps": 1},
        {"max_steps": 0},
        {"background": ()},
        {"background": ("None",)},
        {"background": ("terrestrial", "man-made")},
        {"prompts": ("contour", "gray")},
        {"prompts": ()},
        {"templates": ("a {}",)},
    ],
    ids=str,
)
def test_every_ablation_switch_changes_the_answer_or_the_trace(
    car: CaR, picture: Paint, options: dict[str, object]
) -> None:
    image = picture()
    plain, switched = car.segment(image, NAMES), car.configured(**options).segment(image, NAMES)
    assert plain.recipe.settings != switched.recipe.settings
    assert (plain.instances, plain.presence) != (switched.instances, switched.presence)


def test_the_recipe_tells_how_the_answer_was_made(car: CaR, picture: Paint) -> None:
    recipe = car.segment(picture(), NAMES).recipe
    assert recipe.method == "car"
    assert recipe.settings["theta"] == 0.2
    assert recipe.settings["procedure"]["template_scores"] == "averaged"
    assert car.proposal.fingerprint in recipe.weights["proposal"]
    assert {"lexiseg", "torch", "transformers", "pillow", "numpy", "scipy"} == set(recipe.versions)
    spent = recipe.timing_ms
    assert {"encode", "text", "cam", "prompts", "classifier", "crf", "segment"} < set(spent)
    assert spent["total"] == pytest.approx(spent["encode"] + spent["segment"])


def test_hundreds_of_names_are_answered(car: CaR, picture: Paint) -> None:
    names = [f"thing {number}" for number in range(300)]
    result = car.segment(picture(20, 20), names)
    assert len(result.presence) == 300


def test_unknown_settings_are_refused_in_words(car: CaR) -> None:
    with pytest.raises(UnknownNameError, match="preset 'vok21'.*did you mean 'voc21'"):
        CaR.load(preset="vok21")
    with pytest.raises(UnknownNameError, match="variant"):
        CaR.load(variant="draft")
    with pytest.raises(UnknownNameError, match="did you mean 'theta'"):
        CaR.load(thetta=0.3)
    with pytest.raises(UsageError, match="'eta' was given 3"):
        car.configured(eta=3)
    with pytest.raises(UsageError, match="prompt 'sparkle'"):
        CarConfig(prompts=("sparkle",))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="template"):
        car.configured(templates=["a photo"])


def test_absent_weights_name_both_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsNotFoundError, match=r"lexiseg models pull .*local folder"):
        CaR.load(preset="paper")
