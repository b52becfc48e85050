"""Scenes to try the page on, made when they are asked for: no file travels with the package.

`python -m scripts.choose_examples` chooses them: of the first 60 those that the bundled CaR
answers best, names that are there and names that are not. A page of examples, no
measurement.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from lexiseg.datasets.miniworld import Miniworld

SCENES = (29, 51, 40, 53, 49, 4)  # their numbers in the world
SIZE = 384  # pixels a side
SEED = 29
ABSENT = 3  # names asked of each scene that are not in it
THINGS = (3, 5)  # how many a scene has


@dataclass(frozen=True)
class ExampleScene:
    """A picture with words to ask.

    Attributes:
        png: the file.
        present: names of what is in it.
        absent: names of what is not.
        sentence: that means one thing in it.
    """

    png: bytes
    present: tuple[str, ...]
    absent: tuple[str, ...]
    sentence: str

    def to_json(self, number: int) -> dict[str, object]:
        """What the page is told."""
        names = [*self.present, *self.absent]
        return {
            "picture": f"examples/{number}.png",
            "names": names,
            "things": self.things,
            "sentence": self.sentence,
        }

    @property
    def things(self) -> list[str]:
        """The names of countable things."""
        known = set(examples_world().thing_names)
        return [name for name in (*self.present, *self.absent) if name in known]


@lru_cache(maxsize=1)
def examples_world() -> Miniworld:
    """Where the scenes come from."""
    return Miniworld(split="test", size=SIZE, seed=SEED, things=THINGS)


@lru_cache(maxsize=len(SCENES))
def example_scene(number: int) -> ExampleScene:
    """A scene by its place on the page, from 0."""
    scene = examples_world()[SCENES[number]]
    stream = io.BytesIO()
    Image.fromarray(scene.image).save(stream, format="PNG")
    absent = tuple(scene.absent(ABSENT))
    sentence = scene.expressions[-1].sentence if scene.expressions else ""
    return ExampleScene(stream.getvalue(), scene.names, absent, sentence)
