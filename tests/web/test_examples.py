"""The page's scenes are answered rightly by the method that it offers first."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import lexiseg
from lexiseg.types import Method
from lexiseg.web.examples import SCENES, example_scene


@pytest.fixture(scope="module")
def car() -> Method:
    return lexiseg.load("car", preset="mini", device="cpu")


@pytest.mark.parametrize("number", range(len(SCENES)))
def test_every_name_is_answered_rightly(car: Method, number: int) -> None:
    scene = example_scene(number)
    picture = np.asarray(Image.open(io.BytesIO(scene.png)))
    result = car.segment(picture, [*scene.present, *scene.absent])
    kept = {name for name, verdict in result.presence.items() if verdict.kept}
    assert scene.absent and kept == set(scene.present), "run python -m scripts.choose_examples"
