"""Scenes know who encoded them, and serve many threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from lexiseg.errors import UsageError
from lexiseg.types import Method, Result
from tests.contracts.method_kinds import KINDS, load

QUESTIONS = ("dog, grass", "zebra, Sky", "cat, dog, tree", "car")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Method]:
    folder, known = tmp_path_factory.mktemp("weights"), dict[str, Method]()

    def get(kind: str) -> Method:
        if kind not in known:
            known[kind] = load(kind, folder)
        return known[kind]

    return get


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def ask(method: Method, scene: Any, question: str) -> Result:
    return method.label(scene) if "label" in method.verbs else method.segment(scene, question)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_that_share_a_scene_get_the_answers_of_one(
    loaded: Callable[[str], Method], image: Any, kind: str
) -> None:
    method = loaded(kind)
    alone = method.encode(image)
    expected = [ask(method, alone, question).instances.items for question in QUESTIONS]
    scene, together = method.encode(image), Barrier(len(QUESTIONS))

    def answer(question: str) -> Any:
        together.wait()
        return ask(method, scene, question).instances.items

    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        assert list(pool.map(answer, QUESTIONS)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_scene_of_another_method_is_refused_in_one_sentence(
    loaded: Callable[[str], Method], image: Any, kind: str
) -> None:
    method = loaded(kind)
    for other in ("car", "tides", "maskclip", "sclip", "sam+clip", "zero-guidance", "clipseg"):
        giver = loaded(other)
        if giver.name in (method.name, method.name.removesuffix("-raw")):
            continue
        with pytest.raises(UsageError) as caught:
            ask(method, giver.encode(image), QUESTIONS[0])
        assert repr(giver.name) in str(caught.value) or "encoded with" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_scene_serves_other_settings_of_what_comes_after_it_only(
    loaded: Callable[[str], Method], image: Any
) -> None:
    car = loaded("car")
    scene = car.encode(image)
    assert car.configured(theta=0.5).segment(scene, "dog").names == ("dog",)
    with pytest.raises(UsageError, match=r"settings\.max_side = 1024.* 32 now; encode the image"):
        car.configured(max_side=32).segment(scene, "dog")


def test_raw_tides_answers_from_the_scene_of_tides(
    loaded: Callable[[str], Method], image: Any
) -> None:
    scene = loaded("tides").encode(image)
    assert loaded("tides-raw").segment(scene, "dog").recipe.settings["ranking"] == "segmenter"


def test_scenes_of_the_same_method_with_other_weights_are_refused(image: Any) -> None:
    scene = load("tides", Path(), clip_weights="mini-clip-classifier").encode(image)
    with pytest.raises(UsageError, match=r"weights\.scorer"):
        load("tides", Path()).segment(scene, "dog")
