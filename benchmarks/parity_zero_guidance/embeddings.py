"""Rebuild the part of a zero-guidance pack that sees segments through CLIP."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match, read_arrays
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.embeddings import MaskedReader
from lexiseg.models.clip import VisionConfig
from lexiseg.models.clip.vision import VisionTower
from lexiseg.ops.masked_attention import Saliency, subtraction_weight

INPUTS = ("clip_image", "clip_masks_full")
TOLERANCES = {
    "clip_masks_grid": Tolerance(1e-6),
    "clip_saliency*": Tolerance(1e-5),
    "clip_weight*": Tolerance(1e-5),
    "*": Tolerance(1e-4),
}
# Name in the pack of what the saliency compares -> ours.
SALIENCIES: dict[str, Saliency] = {
    "rows": "rows",
    "concat": "outputs",
    "perhead": "head-outputs",
    "projected": "projected",
}


def recognizes(folder: Path) -> bool:
    """Whether a folder has this part."""
    return all((folder / name).is_file() for name in ("clip.npz", "clip_visual_state.npz"))


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the part with ours; what we do not make counts as infinitely off."""
    pack = VisionPack(folder)
    with torch.no_grad():
        ours = list(pack.rebuild())
    names = set(pack.arrays) - set(INPUTS)
    yield from compare_all(ours, pack.arrays, names, first_match(TOLERANCES))


class VisionPack:
    """A random image tower, one picture and a few masks."""

    def __init__(self, folder: Path) -> None:
        state = read_arrays(folder / "clip_visual_state.npz")
        self._state = {
            name.removeprefix("visual."): torch.from_numpy(array) for name, array in state.items()
        }
        self.arrays = read_arrays(folder / "clip.npz")
        self._image = torch.from_numpy(self.arrays["clip_image"])

    @cached_property
    def tower(self) -> VisionTower:
        """The tower; the number of heads is in no file, so the one that fits is taken."""
        width = self._state["class_embedding"].shape[0]
        towers = [self._build(heads) for heads in range(1, width + 1) if width % heads == 0]
        return min(towers, key=self._misfit)

    def _build(self, heads: int) -> VisionTower:
        width, _, patch, _ = self._state["conv1.weight"].shape
        grid = round((len(self._state["positional_embedding"]) - 1) ** 0.5)
        layers = len({key.split(".")[2] for key in self._state if "resblocks" in key})
        hidden = self._state["transformer.resblocks.0.mlp.c_fc.weight"].shape[0]
        config = VisionConfig(
            width, layers, heads, patch, grid * patch, self._state["proj"].shape[1], hidden / width
        )
        tower = VisionTower(config)
        tower.load_state_dict(self._state)
        return tower.eval()

    def _misfit(self, tower: VisionTower) -> float:
        plain = tower(self._image)[0].numpy()
        return float(np.abs(plain - self.arrays["clip_embed_unmasked"]).max())

    def rebuild(self) -> Iterator[tuple[str, Any]]:
        """Every array we can make, by its name in the pack."""
        masks = torch.from_numpy(self.arrays["clip_masks_full"]).float()
        grid = self.tower.config.grid
        areas = F.interpolate(masks[:, None], (grid, grid), mode="area")[:, 0]
        yield "clip_masks_grid", areas
        yield "clip_embed_unmasked", self.tower(self._image)[0]
        yield "clip_embed_official_nosub", self._reader(None, "rows").read(areas)
        for name, saliency in SALIENCIES.items():
            yield from self._subtracted(name, saliency, areas)

    def _subtracted(
        self, name: str, saliency: Saliency, areas: Tensor
    ) -> Iterator[tuple[str, Any]]:
        sigma_squared = ZeroGuidanceConfig().sigma_squared
        assert sigma_squared is not None
        reader = self._reader(sigma_squared, saliency)
        yield (
            f"clip_embed_{'official_sub' if name == 'rows' else f'sub_{name}'}",
            reader.read(areas),
        )
        found = [block.agreement for block in reader.attentions.values()]
        agreement = torch.stack([part for part in found if part is not None], dim=1)
        yield f"clip_saliency_{name}", agreement
        yield f"clip_weight_{name}", subtraction_weight(agreement, sigma_squared)

    def _reader(self, sigma_squared: float | None, saliency: Saliency) -> MaskedReader:
        masked = self.arrays["clip_saliency_rows"].shape[1]
        config = ZeroGuidanceConfig(
            masked_blocks=masked, sigma_squared=sigma_squared, saliency=saliency
        )
        return MaskedReader(self.tower, self._image, config)
