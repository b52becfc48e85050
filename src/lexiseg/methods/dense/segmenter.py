"""A dense scorer as a semantic segmenter: windows, softmax over names, thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.config import override, split_options
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, BaseScene, Provenance
from lexiseg.methods.dense.config import B16, MINI, DenseConfig, find_config
from lexiseg.methods.dense.labels import Labels, label_pixels
from lexiseg.methods.parts import check_scorer, load_scorer, part_options
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.scorers.dense_maps import DenseMaps, WindowConfig, encode_canvases
from lexiseg.scorers.slide import pixel_scores
from lexiseg.types import DenseScorer, Instance, Mask, Presence, Vocabulary, rivals

ImageArray = NDArray[np.uint8]
NOTHING_ELSE = "background"  # where every word of the background is asked for


@dataclass(frozen=True, eq=False)
class DenseScene(BaseScene):
    """An encoded image.

    Attributes:
        maps: its windows.
    """

    maps: DenseMaps


class DenseSegmenter(BaseMethod[DenseScene, DenseConfig]):
    """Gives every pixel the name that its scores favor.

    Its `name` is also that of the scorer.

    Args:
        scorer: whose maps are used.
        config: settings.
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> sclip = lexiseg.load("sclip", preset="mini")            # doctest: +SKIP
        >>> sclip.segment("street.jpg", ["dog", "tree"]).semantic   # doctest: +SKIP
    """

    scene_type = DenseScene
    encoding = (
        "method",
        "weights",
        "dtypes",
        "settings.scorer",
        "settings.short_side",
        "settings.long_side",
        "settings.window",
        "settings.stride",
        "settings.batch",
    )

    def __init__(
        self, scorer: DenseScorer, config: DenseConfig, provenance: Provenance = ASSEMBLED
    ) -> None:
        super().__init__(config, provenance)
        self.scorer = scorer

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        weights: str | Path | None = None,
        **options: object,
    ) -> DenseSegmenter:
        """Load settings and weights.

        Args:
            preset: "paper", "mini" or a data set of `config.DATA_SETS`.
            device: "auto" or a torch device.
            dtype: "auto" or a precision.
            weights: hub id, folder, file or bundled name in place of the preset's.
            options: fields of `DenseConfig`, and of the scorer's config after ``scorer.``.

        Raises:
            UnknownNameError: no such preset or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        own, inner = split_options(options, "scorer.")
        config = override(find_config(cls.name, preset), own)
        source = str(weights or (MINI if preset == "mini" else B16))
        check_scorer(cls.name, inner)
        require_weights(source)
        scorer = load_scorer(cls.name, source, device, dtype, inner)
        return cls(scorer, config, Provenance(preset, {"weights": source}))

    @property
    def networks(self) -> Mapping[str, object]:
        """The scorer, which has the weights."""
        return {"scorer": self.scorer}

    @property
    def part_settings(self) -> Mapping[str, object]:
        """Options of the scorer."""
        return part_options("scorer", getattr(self.scorer, "config", None))

    def _encode(self, image: ImageArray, watch: Stopwatch) -> DenseScene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[DenseScene]:
        short, long = self.config.short_side, self.config.long_side
        canvases = [resize_short_side(image, short, long) for image in images]
        windows = WindowConfig(
            sizes=(self.config.window,),
            stride=min(1.0, self.config.stride / self.config.window),
            input="own",
            expansion="bilinear",
            batch=self.config.batch,
        )
        seen = encode_canvases(self.scorer, canvases, windows)
        return [DenseScene(image, maps) for image, maps in zip(images, seen, strict=True)]

    def _segment(self, scene: DenseScene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        labels = self.classify_pixels(scene, vocabulary)
        regions = self._regions(labels, vocabulary.names)
        return Answer(list(regions.values()), self._presence(labels, vocabulary.names, regions))

    @torch.no_grad()
    def classify_pixels(self, scene: DenseScene, vocabulary: Vocabulary) -> Labels:
        """The winner of every pixel: 0 for the background, k for the k-th name."""
        texts, query_class = self._queries(vocabulary)
        features = self.scorer.embed_texts(texts)
        scores = pixel_scores(scene.maps, features, scene.size_hw)
        has_background = bool(self.config.background)
        numbers = torch.tensor(query_class, device=features.device)
        if not has_background:
            numbers = numbers - 1
        labels = label_pixels(scores, numbers, self.config.labels, background=has_background)
        classes = labels.classes if has_background else labels.classes + 1
        classes[labels.probability < self.config.labels.min_probability] = 0
        peak = labels.peak if has_background else F.pad(labels.peak, (1, 0))
        return Labels(classes, labels.probability, peak)

    def _queries(self, vocabulary: Vocabulary) -> tuple[list[str], list[int]]:
        """Texts and the class of each; a background word that is asked for does not compete."""
        synonyms = {name: texts for name, *texts in self.config.synonyms}
        texts, numbers = [], []
        for number, (name, own) in enumerate(
            zip(vocabulary.names, vocabulary.wordings, strict=True), start=1
        ):
            wordings = list(dict.fromkeys([*own, *synonyms.get(name, [])]))
            texts += wordings
            numbers += [number] * len(wordings)
        others = rivals(self.config.background, (*vocabulary.texts, *texts))
        if self.config.background and not others:
            others = (NOTHING_ELSE,)
        return [*others, *texts], [0] * len(others) + numbers

    def _regions(self, labels: Labels, names: tuple[str, ...]) -> dict[str, Instance]:
        classes, probability = labels.classes.cpu().numpy(), labels.probability.cpu().numpy()
        regions = {}
        for number in np.unique(classes[classes > 0]).tolist():
            inside = classes == number
            score = float(probability[inside].mean())
            name = names[number - 1]
            regions[name] = Instance(name, score, Mask.from_array(inside))
        return {name: regions[name] for name in names if name in regions}

    def _presence(
        self, labels: Labels, names: tuple[str, ...], regions: Mapping[str, Instance]
    ) -> list[Presence]:
        peak = labels.peak.tolist()
        return [
            Presence(
                name,
                peak[number],
                name in regions,
                "wins pixels" if name in regions else "no pixel left: others are stronger",
            )
            for number, name in enumerate(names, start=1)
        ]


def resize_short_side(image: ImageArray, short_side: int, long_side: int) -> ImageArray:
    """Resize (bilinear, no antialiasing) to a shorter side, keeping the longer one in bounds.

    Args:
        image: (H, W, 3) uint8 RGB.
        short_side: pixels.
        long_side: upper bound in pixels.
    """
    height, width = image.shape[:2]
    scale = min(short_side / min(height, width), long_side / max(height, width))
    size = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
    if size == (height, width):
        return image
    pixels: Tensor = torch.tensor(image).permute(2, 0, 1)[None].float()
    resized = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
    return resized[0].permute(1, 2, 0).round_().to(torch.uint8).numpy()
