"""A method that needs no network: it finds pixels of a colour by the colour's name."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from lexiseg.methods.base import Answer, BaseMethod, BaseScene
from lexiseg.registry import METHODS
from lexiseg.types import Instance, Mask, Presence
from lexiseg.web.limits import ServiceLimits
from lexiseg.web.settings import ServiceSettings

COLOURS = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255),
    "white": (255, 255, 255), "yellow": (255, 255, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    pass


class Colours(BaseMethod[BaseScene, Settings]):
    """Finds colours.

    `gate` holds every answer back until it is set.
    """

    name = "colours"
    verbs = ("segment", "refer", "label")
    scene_type = BaseScene
    gate = threading.Event()
    encodings = 0

    @classmethod
    def load(cls, preset: str = "paper", device: str = "auto", dtype: str = "auto", **_: object):
        return cls(Settings())

    @property
    def networks(self) -> Mapping[str, object]:
        return {"eye": SimpleNamespace(name="eye", device=torch.device("cpu"), dtype=torch.float32)}

    def _encode(self, image, watch):
        type(self).encodings += 1
        return BaseScene(image)

    def _segment(self, scene, vocabulary, watch):
        assert self.gate.wait(30)
        if "crash" in vocabulary.names:
            raise RuntimeError("/secret/place/weights.bin")
        found = {name: coloured(scene.image, name) for name in vocabulary.names}
        return Answer(
            [region(name, mask) for name, mask in found.items() if mask.any()],
            [verdict(name, mask) for name, mask in found.items()],
        )

    def _refer(self, scene, sentences, protocol, watch):
        masks = {text: coloured(scene.image, text.split()[-1]) for text in sentences}
        return Answer(
            [region(text, mask) for text, mask in masks.items() if mask.any()],
            [verdict(text, mask) for text, mask in masks.items()],
        )

    def _label(self, scene, watch):
        found = {name: coloured(scene.image, name) for name in COLOURS}
        seen = {name: mask for name, mask in found.items() if mask.any()}
        return Answer(
            [region(name, mask) for name, mask in seen.items()],
            [verdict(name, mask) for name, mask in seen.items()],
        )


def coloured(image: np.ndarray, name: str) -> np.ndarray:
    wanted = COLOURS.get(name)
    return (image == wanted).all(axis=-1) if wanted else np.zeros(image.shape[:2], bool)


def region(name: str, mask: np.ndarray) -> Instance:
    return Instance(name, float(mask.mean()), Mask.from_array(mask))


def verdict(name: str, mask: np.ndarray) -> Presence:
    reason = "its colour is there" if mask.any() else "no pixel has its colour"
    return Presence(name, float(mask.mean()), bool(mask.any()), reason)


def flag(*names: str, width: int = 12, height: int = 8) -> bytes:
    """A PNG of upright stripes of equal width."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for number, name in enumerate(names):
        pixels[:, number * width // len(names) : (number + 1) * width // len(names)] = COLOURS[name]
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


@contextmanager
def registered() -> Iterator[None]:
    """The method in the registry, for a while."""
    if "colours" in METHODS:  # somebody else has put it there, and takes it out
        yield
        return
    METHODS.register("colours")(Colours)
    Colours.gate.set()
    try:
        yield
    finally:
        Colours.gate.set()
        del METHODS._targets["colours"]


def settings(**changes: object) -> ServiceSettings:
    """Of a service that offers this method alone; limits by their names."""
    limits = {name: changes.pop(name) for name in list(changes) if hasattr(ServiceLimits, name)}
    return ServiceSettings(
        ("colours",), limits=ServiceLimits(**limits), **{"host": "testserver", **changes}
    )
