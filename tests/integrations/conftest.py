"""A method that needs no weights, so that the ways into other programs are tested by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from lexiseg.io.image import read_image
from lexiseg.methods.base import Answer, BaseMethod, BaseScene
from lexiseg.registry import METHODS
from lexiseg.types import Instance, Mask, Presence

COLORS = {"red": 0, "green": 1, "blue": 2}
SCORES = {"red": 0.9, "green": 0.5, "blue": 0.25}


class ColorScene(BaseScene):
    """Nothing but the picture."""


class ColorObjects(BaseMethod):
    """Finds the pixels whose brightest channel has the asked colour's name."""

    name = "color-objects"
    task = "instances"
    scene_type = ColorScene
    encoded = 0

    @classmethod
    def load(cls, preset="paper", device="auto", dtype="auto", **options):
        return cls(None)

    @property
    def networks(self):
        return {"eye": object()}

    @property
    def settings(self):
        return {}

    def recipe(self):
        from lexiseg.types import Recipe

        return Recipe(self.name, "paper")

    def _encode(self, image, watch):
        type(self).encoded += 1
        return ColorScene(image)

    def _segment(self, scene, vocabulary, watch):
        channel = np.where(scene.image.max(axis=2) > 0, scene.image.argmax(axis=2), 9)
        items, verdicts = [], []
        for name, wordings in zip(vocabulary.names, vocabulary.wordings, strict=True):
            mask = np.isin(channel, [COLORS[text] for text in wordings if text in COLORS])
            score = max([SCORES.get(text, 0) for text in wordings]) if mask.any() else 0.0
            reason = "seen" if mask.any() else "no such pixel"
            verdicts.append(Presence(name, score, bool(mask.any()), reason))
            if mask.any():
                items.append(Instance(name, score, Mask.from_array(mask)))
        return Answer(items, verdicts)


@pytest.fixture(autouse=True)
def color_objects(monkeypatch):
    monkeypatch.setitem(METHODS._targets, "color-objects", ColorObjects)
    ColorObjects.encoded = 0
    return ColorObjects


@pytest.fixture
def pixels():
    """A red ring with a red dot beside it, a green box, no blue."""
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[2:14, 3:20, 0] = 250
    picture[5:9, 8:12, 0] = 0
    picture[25:27, 30:33, 0] = 250
    picture[16:24, 10:26, 1] = 200
    return picture


@pytest.fixture
def picture_file(tmp_path, pixels):
    from PIL import Image

    path = tmp_path / "photos" / "scene.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    assert np.array_equal(read_image(path), pixels)
    return path
