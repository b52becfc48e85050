"""How an answer was made, and all that it takes to make it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Protocol

from lexiseg.config import flatten
from lexiseg.errors import UsageError

# Whose numbers end up in an answer: networks, their loader, arrays, resized pictures, sparse sums.
PACKAGES = ("lexiseg", "torch", "transformers", "numpy", "pillow", "scipy")
BY_HAND = "custom"
"""The preset of a method that was put together from parts rather than loaded."""


SMALL_MODELS = "bundled small models: they know Miniworld, not photographs"


class Network(Protocol):
    """A part whose weights help to make an answer."""

    @property
    def name(self) -> str:
        """What the weights are called: a hub id, a folder, a bundled name."""
        ...

    @property
    def fingerprint(self) -> str:
        """The sha256 of the weights."""
        ...


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an answer, and all that it takes to build its method again.

    Two recipes are equal if their methods answer alike; how long an answer took does not count.

    Attributes:
        method: name in `lexiseg.registry.METHODS`.
        preset: where the settings started from; "custom" if parts were put together by hand.
        settings: all that `lexiseg.load` takes beside method, preset, device and precision: which
            parts, the options of every part, and those of the method; plain data.
        weights: part -> name and fingerprint of its weights.
        dtypes: part -> precision that it computes in.
        versions: package -> version, of those whose numbers end up in the answer.
        device: kind of device, "cpu", "cuda" or "mps".
        dtype: precision of the part that follows the choice made when the method was loaded.
        timing_ms: milliseconds by stage, of the answer that the recipe came with.

    Example:
        >>> recipe = Recipe("car", "mini", {"theta": 0.3, "crf": {"iterations": 5}})
        >>> recipe.differences(Recipe("car", "mini", {"theta": 0.2, "crf": {"iterations": 5}}))
        ('settings.theta: 0.3 / 0.2',)
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
    """

    method: str
    preset: str
    settings: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    dtype: str = "float32"
    timing_ms: Mapping[str, float] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, object]:
        """As plain data, without the time an answer took."""
        return {name: value for name, value in asdict(self).items() if name != "timing_ms"}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Recipe:
        """The inverse of `to_json`.

        Raises:
            UsageError: not such data.
        """
        known = set(cls.__dataclass_fields__) - {"timing_ms"}
        if not isinstance(stored, Mapping) or not {"method", "preset"} <= set(stored) <= known:
            raise UsageError(
                "This is no recipe: expected a JSON object with the keys "
                f"{', '.join(sorted(known))}, as stands beside results."
            )
        tables = {"settings", "weights", "dtypes", "versions"}
        for name, value in stored.items():
            if not isinstance(value, Mapping if name in tables else str):
                raise UsageError(f"Entry {name!r} of a recipe was given {value!r:.80}.")
        return cls(**stored)  # type: ignore[arg-type]

    @property
    def caution(self) -> str:
        """What one must know before one believes the answer; "" if there is nothing."""
        small = self.preset == "mini" or any(w.startswith("mini-") for w in self.weights.values())
        return SMALL_MODELS if small else ""

    @property
    def options(self) -> dict[str, object]:
        """The settings as keyword arguments of `lexiseg.load`; nested ones are dotted."""
        return flatten(self.settings)

    def differences(self, other: Recipe) -> tuple[str, ...]:
        """One clause per entry in which two recipes differ, ours first."""
        mine, yours = flatten(self.to_json()), flatten(other.to_json())
        return tuple(
            f"{name}: {mine.get(name, 'none')!s:.80} / {yours.get(name, 'none')!s:.80}"
            for name in dict.fromkeys([*mine, *yours])
            if mine.get(name) != yours.get(name)
        )


@cache
def package_versions() -> Mapping[str, str]:
    """Versions of the packages whose numbers end up in answers."""
    return {name: version(name) for name in PACKAGES}


def study_versions() -> dict[str, str]:
    """Of lexiseg and Python, as files of numbers note them."""
    return {"lexiseg": version("lexiseg"), "python": platform.python_version()}


def describe_weights(network: object) -> str:
    """Name and fingerprint of a part's weights, as far as it tells them."""
    name = getattr(network, "name", type(network).__name__)
    digest = getattr(network, "fingerprint", "")
    return f"{name} sha256:{digest}" if digest else str(name)


def precision_of(network: object) -> str:
    """The precision that a part computes in; "" for one that does not tell."""
    return str(getattr(network, "dtype", "")).removeprefix("torch.")
