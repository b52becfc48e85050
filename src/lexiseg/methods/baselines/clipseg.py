"""CLIPSeg as a semantic segmenter: every pixel gets the text that claims it most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lexiseg.config import override
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, BaseScene, ImageArray, Provenance
from lexiseg.methods.baselines.config import ClipSegConfig
from lexiseg.methods.baselines.presets import CLIPSEG, find_preset
from lexiseg.methods.baselines.ranking import best_first
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Instance, Mask, Presence, Vocabulary

if TYPE_CHECKING:
    from lexiseg.models.clipseg import ClipSeg

PIXELS_AT_ONCE = 1 << 24  # of maps brought to the size of the image together
TEXTS_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class ClipSegScene(BaseScene):
    """An encoded image.

    Attributes:
        seen: features of the blocks that the decoder reads.
    """

    seen: tuple[Tensor, ...]


@dataclass(frozen=True)
class Claims:
    """Who claims each pixel.

    Attributes:
        logits: (H, W) float32 of the strongest name.
        winner: (H, W) int64.
        peaks: (C,) float32, largest logit of each name.
    """

    logits: Tensor
    winner: Tensor
    peaks: Tensor


class ClipSegMethod(BaseMethod[ClipSegScene, ClipSegConfig]):
    """Names pixels by CLIPSeg's maps.

    Args:
        network: draws a map for each text.
        config: settings.
        provenance: how the network was loaded.

    Example:
        >>> import lexiseg
        >>> baseline = lexiseg.load("clipseg")                     # doctest: +SKIP
        >>> baseline.segment("street.jpg", ["dog", "tree"])        # doctest: +SKIP
    """

    name = "clipseg"
    scene_type = ClipSegScene
    encoding = ("weights", "dtypes")

    def __init__(
        self,
        network: ClipSeg,
        config: ClipSegConfig | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or ClipSegConfig(), provenance)
        self.network = network

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        weights: str | Path | None = None,
        **options: object,
    ) -> ClipSegMethod:
        """Load settings and weights.

        Args:
            preset: a name of `presets.CLIPSEG`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            weights: hub id or folder in place of the preset's.
            options: fields of `ClipSegConfig`.

        Raises:
            UnknownNameError: no such preset or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(CLIPSEG, preset)
        config = override(ClipSegConfig(), {**chosen.options, **options})
        source = str(weights or chosen.weights)
        require_weights(source)
        # Imported here because it brings transformers, which takes seconds.
        from lexiseg.models.clipseg import ClipSeg

        network = ClipSeg.load(source, device, dtype)
        return cls(network, config, Provenance(preset, {"weights": source}))

    @property
    def networks(self) -> Mapping[str, object]:
        """The one network."""
        return {"clipseg": self.network}

    def _encode(self, image: ImageArray, watch: Stopwatch) -> ClipSegScene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[ClipSegScene]:
        seen = self.network.encode_many(images)
        return [ClipSegScene(image, own) for image, own in zip(images, seen, strict=True)]

    def _segment(self, scene: ClipSegScene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        claims = self._claim(scene, vocabulary)
        regions = self._regions(claims, vocabulary.names)
        peaks = claims.peaks.sigmoid().tolist()
        presence = self._presence(vocabulary.names, peaks, regions)
        return Answer(best_first(regions, vocabulary.names), presence)

    @torch.no_grad()
    def _claim(self, scene: ClipSegScene, vocabulary: Vocabulary) -> Claims:
        """Let names compete; a name claims a pixel as its best wording does."""
        height, width = scene.size_hw
        texts = [
            self.config.template.replace("{}", text) for own in vocabulary.wordings for text in own
        ]
        owner = [n for n, own in enumerate(vocabulary.wordings) for _ in own]
        best = torch.full((height, width), -torch.inf)
        winner = torch.zeros(height, width, dtype=torch.long)
        peaks = torch.full((len(vocabulary),), -torch.inf)
        at_once = min(max(PIXELS_AT_ONCE // (height * width), 1), TEXTS_AT_ONCE)
        for start in range(0, len(texts), at_once):
            maps = self.network.maps(scene.seen, texts[start : start + at_once])
            large = interpolate(maps[None], (height, width), mode="bilinear")[0].cpu()
            for number, logits in zip(owner[start:], large, strict=False):
                peaks[number] = max(peaks[number], logits.max())
                stronger = logits > best
                best[stronger], winner[stronger] = logits[stronger], number
        return Claims(best, winner, peaks)

    def _regions(self, claims: Claims, names: Sequence[str]) -> list[Instance]:
        share = claims.logits.sigmoid().numpy()
        winner = np.where(share > self.config.min_probability, claims.winner.numpy(), -1)
        found = []
        for number in np.unique(winner[winner >= 0]).tolist():
            inside = winner == number
            score = float(share[inside].mean())
            found.append(Instance(names[number], score, Mask.from_array(inside)))
        return found

    def _presence(
        self, names: Sequence[str], peaks: Sequence[float], regions: Sequence[Instance]
    ) -> list[Presence]:
        bound = self.config.min_probability
        present = {region.label for region in regions}
        entries = []
        for name, peak in zip(names, peaks, strict=True):
            reason = "claims pixels"
            if name not in present:
                reason = (
                    "no pixel left: others are stronger"
                    if peak > bound
                    else f"at most {peak:.2f} probable at any pixel, which is not above {bound:.2f}"
                )
            entries.append(Presence(name, peak, name in present, reason))
        return entries
