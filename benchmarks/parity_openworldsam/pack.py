"""The files of a pack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.comparison import read_arrays
from lexiseg.models.weights import read_state

INPUTS = (
    "in.*", "post.mask_logits", "post.scores", "post.labels", "prep.image_u8", "metric.ground.gt",
    "metric.ground.order", "metric.sem.conf",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One picture of a pack.

    Attributes:
        number: among the pictures.
        first: number of its first prompt among those of all pictures.
        prompts: texts.
        categories: of the prompts.
        size_hw: of the original.
    """

    number: int
    first: int
    prompts: tuple[str, ...]
    categories: tuple[int, ...]
    size_hw: tuple[int, int]


class Pack:
    """A folder with weights, settings, inputs and outputs."""

    def __init__(self, folder: Path) -> None:
        self.settings = json.loads((folder / "config.json").read_text())
        self.state = read_state(folder / "weights.safetensors")
        self.weights = folder / "weights.safetensors"
        self._arrays = read_arrays(folder / "arrays.npz")
        self.names = list(self._arrays)

    def expected(self, name: str) -> NDArray[Any]:
        """An output of the reference; only for the final comparison and for its shape."""
        return self._arrays[name]

    def input(self, name: str) -> Tensor:
        """An array that is given, not to be rebuilt."""
        assert any(fnmatch(name, pattern) for pattern in INPUTS), name
        return torch.from_numpy(self._arrays[name])

    def stage(self, name: str, ours: Tensor) -> Tensor:
        """An output that a later stage begins with, or our own where the pack holds none."""
        theirs = self._arrays.get(name)
        fits = theirs is not None and theirs.shape == tuple(ours.shape)
        return torch.from_numpy(theirs).float() if fits else ours

    @property
    def inputs(self) -> list[str]:
        """Names of the given arrays."""
        return [n for n in self.names if any(fnmatch(n, pattern) for pattern in INPUTS)]

    @property
    def pictures(self) -> list[Picture]:
        """All of them in order."""
        found, first = [], 0
        for number, entry in enumerate(self.settings["images"]):
            prompts = tuple(entry["prompts"])
            height, width = entry["hw"]
            categories = tuple(entry["cats"])
            found.append(Picture(number, first, prompts, categories, (height, width)))
            first += len(prompts)
        return found

    @property
    def stuff(self) -> set[int]:
        """Categories that are no things."""
        things = set(self.settings["things"].values())
        return set(range(len(self.settings["classes"]))) - things

    def tokens(self, prompts: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        """Ids (P, T) padded on the right to the longest, and where they are padded."""
        rows = [self.settings["tokens"][prompt] for prompt in prompts]
        longest = max(map(len, rows))
        pad = self.settings["pad_token_id"]
        tokens = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        return tokens, torch.arange(longest) >= lengths[:, None]
