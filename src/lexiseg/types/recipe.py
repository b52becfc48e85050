"""How an answer was made."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

PACKAGES = ("lexiseg", "torch", "transformers")
HALVES = ("encode", "segment", "label")  # of a method, which has the first and one of the others


@dataclass(frozen=True)
class Recipe:
    """Everything needed to get the same answer again."""

    method: str
    preset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    dtype: str = "float32"
    timing_ms: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_run(
        cls,
        method: str,
        preset: str,
        settings: Mapping[str, Any],
        networks: Mapping[str, Any],
        device: Any,
        timing_ms: Mapping[str, float],
        dtype: Any = "float32",
    ) -> Recipe:
        """Write down how an answer was just made.

        Args:
            method: name in `lexiseg.registry.METHODS`.
            preset: what the combination of weights is called.
            settings: as plain data.
            networks: part -> network; its `name` and `fingerprint` are noted.
            device: where it ran.
            timing_ms: of the two halves of the method, whose sum becomes "total", and of stages.
            dtype: precision it ran in.
        """
        return cls(
            method=method,
            preset=preset,
            settings=settings,
            weights={part: describe_weights(network) for part, network in networks.items()},
            versions={name: version(name) for name in PACKAGES},
            device=str(device),
            dtype=str(dtype).removeprefix("torch."),
            timing_ms={**timing_ms, "total": sum(timing_ms.get(half, 0.0) for half in HALVES)},
        )


def study_versions() -> dict[str, str]:
    """Of lexiseg and Python, as files of numbers note them."""
    return {"lexiseg": version("lexiseg"), "python": platform.python_version()}


def describe_weights(network: Any) -> str:
    """Name and fingerprint of a network's weights, as far as it tells them."""
    name = getattr(network, "name", type(network).__name__)
    digest = getattr(network, "fingerprint", "")
    return f"{name} sha256:{digest}" if digest else str(name)
