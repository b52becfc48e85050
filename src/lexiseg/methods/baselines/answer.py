"""What all baselines share: the encoded image, and the answer put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.config import to_dict
from lexiseg.types import Instance, Instances, Presence, PresenceTrace, Recipe, Result, Vocabulary

Names = str | Iterable[str] | Mapping[str, str] | Vocabulary
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
    path: Path | None
    encode_ms: float

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


def recipe(
    method: str,
    preset: str,
    config: Any,
    networks: Mapping[str, Any],
    device: Any,
    timing_ms: Mapping[str, float],
) -> Recipe:
    """How an answer was made.

    Args:
        method: name in `lexiseg.registry.METHODS`.
        preset: what the combination of weights is called.
        config: settings, a dataclass.
        networks: part -> network; its `name` and `fingerprint` are noted.
        device: where it ran.
        timing_ms: "encode" and "segment", whose sum becomes "total".
    """
    return Recipe(
        method=method,
        preset=preset,
        settings=to_dict(config),
        weights={part: describe(network) for part, network in networks.items()},
        versions={name: version(name) for name in ("lexiseg", "torch", "transformers")},
        device=str(device),
        timing_ms={**timing_ms, "total": timing_ms["encode"] + timing_ms["segment"]},
    )


def describe(network: Any) -> str:
    """Name and fingerprint of a network's weights, as far as it tells them."""
    name = getattr(network, "name", type(network).__name__)
    digest = getattr(network, "fingerprint", "")
    return f"{name} sha256:{digest}" if digest else str(name)


def answer(
    scene: Encoded,
    names: Sequence[str],
    instances: Sequence[Instance],
    presence: Sequence[Presence],
    made_by: Recipe,
) -> Result:
    """The result for one image, best objects first within each name."""
    order = {name: place for place, name in enumerate(names)}
    ranked = sorted(instances, key=lambda item: (order[item.label], -item.score))
    return Result(
        size_hw=scene.size_hw,
        names=tuple(names),
        instances=Instances(tuple(ranked), scene.size_hw),
        presence=PresenceTrace(presence),
        recipe=made_by,
        path=scene.path,
        image=scene.image,
    )
