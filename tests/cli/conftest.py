"""A method that needs no weights, so that the command line is tested by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexiseg import cli
from lexiseg.cli import console
from lexiseg.io.image import read_image
from lexiseg.registry import METHODS
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)


@pytest.fixture(autouse=True)
def _loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb that is told to be quiet leaves the next test's as it was."""
    monkeypatch.setattr(console.state, "quiet", False)


COLORS = {"red": 0, "green": 1, "blue": 2}


class ColorMethod:
    """Finds the pixels whose strongest channel has the asked colour's name."""

    loads = 0
    name, task, verbs, takes_stuff = "color", "semantic", ("segment", "refer", "video"), False

    @classmethod
    def load(cls, *, preset: str = "paper", **options: Any) -> ColorMethod:
        cls.loads += 1
        return cls()

    def recipe(self) -> Recipe:
        return Recipe("color", "paper", {"depth": 8})

    def configured(self, **options: Any) -> ColorMethod:
        return self

    def encode(self, image: Any) -> Any:
        return image

    def segment(self, image: Any, names: Any) -> Result:
        vocabulary = Vocabulary.parse(names)
        pixels = read_image(image)
        strongest = pixels.argmax(axis=2)
        items, presence = [], []
        for name in vocabulary.names:
            mask = Mask.from_array(strongest == COLORS.get(name, 9))
            kept = mask.area > 0
            presence.append(Presence(name, float(kept), kept, "seen" if kept else "no such pixel"))
            if kept:
                items.append(Instance(name, 1.0, mask))
        size = (pixels.shape[0], pixels.shape[1])
        path = image if isinstance(image, Path) else None
        return Result(
            size, vocabulary.names, Instances(tuple(items), size), PresenceTrace(presence),
            replace(self.recipe(), timing_ms={"total": 1.0}), path, pixels,
        )  # fmt: skip

    refer = segment

    def video(
        self, frames: Iterable[Any], names: Any, *, smoothing: float = 0, refer: bool = False
    ) -> Iterator[Result]:
        for frame in frames:
            yield (self.refer if refer else self.segment)(frame, names)


@pytest.fixture(autouse=True)
def color_method(monkeypatch: pytest.MonkeyPatch) -> type[ColorMethod]:
    monkeypatch.setitem(METHODS._targets, "color", ColorMethod)
    ColorMethod.loads = 0
    return ColorMethod


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, color in enumerate([(255, 0, 0), (0, 255, 0)]):
        pixels = np.zeros((12, 16, 3), np.uint8)
        pixels[..., 2] = 9
        pixels[2:8, 3:9] = color
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def lexiseg_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in a scratch folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as finished:
            cli.main([str(word) for word in words])
        printed = capsys.readouterr()
        code = finished.value.code
        return (code if isinstance(code, int) else 0), printed.out, printed.err

    return run
