"""What all baselines share: the two calls around what each does with pixels and with names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.config import to_dict
from lexiseg.io.image import path_of, read_image
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import (
    Instance,
    Instances,
    Names,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Encoded:
    """An encoded image.

    Attributes:
        image: (H, W, 3) uint8 RGB as given.
        path: where it came from.
        encode_ms: milliseconds that the encoding took.
    """

    image: ImageArray
    path: Path | None = field(default=None, kw_only=True)
    encode_ms: float = field(default=0.0, kw_only=True)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


SceneT = TypeVar("SceneT", bound=Encoded)


@dataclass(frozen=True)
class Findings:
    """What a baseline says of an image.

    Attributes:
        instances: in any order.
        presence: in the order asked.
    """

    instances: Sequence[Instance]
    presence: Sequence[Presence]


class Baseline(ABC, Generic[SceneT]):
    """A method of two calls.

    Args:
        config: settings.
        preset: what to call the combination of weights in results.
    """

    method: ClassVar[str]
    scene_type: type[SceneT]

    def __init__(self, config: Any, preset: str) -> None:
        self.config = config
        self.preset = preset

    @property
    @abstractmethod
    def networks(self) -> Mapping[str, Any]:
        """Part -> network; the method runs where the first one lies."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        place: torch.device = next(iter(self.networks.values())).device
        return place

    @abstractmethod
    def look(self, image: ImageArray) -> SceneT:
        """All that no choice of words changes."""

    @abstractmethod
    def find(self, scene: SceneT, vocabulary: Vocabulary) -> Findings:
        """What is where, and a verdict for every name."""

    def encode(self, image: Any) -> SceneT:
        """Run what needs no names.

        Args:
            image: path, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        pixels = read_image(image)
        watch = Stopwatch(self.device)
        with watch("encode"):
            scene = self.look(pixels)
        return replace(scene, path=path_of(image), encode_ms=watch.timing_ms["encode"])

    def segment(self, image: Any, names: Names) -> Result:
        """Find named things; the best come first within each name.

        Args:
            image: a scene, or what `encode` takes.
            names: a comma list, a list, or a mapping from alias to name.
        """
        vocabulary = Vocabulary.parse(names)
        scene = image if isinstance(image, self.scene_type) else self.encode(image)
        watch = Stopwatch(self.device)
        with watch("segment"):
            found = self.find(scene, vocabulary)
        timing, settings = {"encode": scene.encode_ms, **watch.timing_ms}, to_dict(self.config)
        order = {name: place for place, name in enumerate(vocabulary.names)}
        ranked = sorted(found.instances, key=lambda item: (order[item.label], -item.score))
        return Result(
            size_hw=scene.size_hw,
            names=vocabulary.names,
            instances=Instances(tuple(ranked), scene.size_hw),
            presence=PresenceTrace(found.presence),
            recipe=Recipe.of_run(
                self.method, self.preset, settings, self.networks, self.device, timing
            ),
            path=scene.path,
            image=scene.image,
        )
