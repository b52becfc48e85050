"""A dense scorer as a semantic segmenter: windows, softmax over names, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.config import override, split_options, to_dict
from lexiseg.io.image import path_of, read_image
from lexiseg.methods.dense.config import B16, MINI, DenseConfig, find_config
from lexiseg.methods.dense.labels import Labels, label_pixels
from lexiseg.models.image_text import load_image_text
from lexiseg.registry import SCORERS
from lexiseg.scorers.base import ClipScorer
from lexiseg.scorers.dense_maps import DenseMaps, WindowConfig, encode_windows
from lexiseg.scorers.slide import pixel_scores
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Names,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)

ImageArray = NDArray[np.uint8]


@dataclass(frozen=True)
class DenseScene:
    """An encoded image.

    Attributes:
        image: (H, W, 3) uint8 RGB as given.
        maps: its windows.
        path: where it came from.
        encode_ms: milliseconds that the encoding took.
    """

    image: ImageArray
    maps: DenseMaps
    path: Path | None
    encode_ms: float


class DenseSegmenter:
    """Gives every pixel the name that its scores favor.

    Args:
        scorer: whose maps are used.
        config: settings.
        preset: what to call the combination in results.

    Example:
        >>> import lexiseg
        >>> sclip = lexiseg.load("sclip", preset="mini")            # doctest: +SKIP
        >>> sclip.segment("street.jpg", ["dog", "tree"]).semantic   # doctest: +SKIP
    """

    scorer_name: ClassVar[str]

    def __init__(self, scorer: ClipScorer, config: DenseConfig, preset: str = "custom") -> None:
        self.scorer = scorer
        self.config = config
        self.preset = preset

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        weights: str | Path | None = None,
        **options: Any,
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
        config = override(find_config(cls.scorer_name, preset), own)
        clip = load_image_text(weights or (MINI if preset == "mini" else B16), device, dtype)
        return cls(SCORERS[cls.scorer_name](clip, **inner), config, preset)

    def encode(self, image: Any) -> DenseScene:
        """Encode the windows of an image.

        Args:
            image: path, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        start, pixels = perf_counter(), read_image(image)
        canvas = resize_short_side(pixels, self.config.short_side, self.config.long_side)
        windows = WindowConfig(
            sizes=(self.config.window,),
            stride=min(1.0, self.config.stride / self.config.window),
            input="own",
            expansion="bilinear",
            batch=self.config.batch,
        )
        maps = encode_windows(self.scorer, canvas, windows)
        return DenseScene(pixels, maps, path_of(image), 1000 * (perf_counter() - start))

    def segment(self, image: Any, names: Names) -> Result:
        """Find named things.

        Args:
            image: a scene, or what `encode` takes.
            names: a comma list, a list, or a mapping from alias to name.
        """
        vocabulary = Vocabulary.parse(names)
        scene = image if isinstance(image, DenseScene) else self.encode(image)
        start = perf_counter()
        labels = self.classify_pixels(scene, vocabulary)
        regions = self._regions(labels, vocabulary.names)
        spent = {"encode": scene.encode_ms, "segment": 1000 * (perf_counter() - start)}
        size_hw = (scene.image.shape[0], scene.image.shape[1])
        return Result(
            size_hw=size_hw,
            names=vocabulary.names,
            instances=Instances(tuple(regions.values()), size_hw),
            presence=PresenceTrace(self._presence(labels, vocabulary.names, regions)),
            recipe=self._recipe(spent),
            path=scene.path,
            image=scene.image,
        )

    @torch.no_grad()
    def classify_pixels(self, scene: DenseScene, vocabulary: Vocabulary) -> Labels:
        """The winner of every pixel: 0 for the background, k for the k-th name."""
        texts, query_class = self._queries(vocabulary)
        features = self.scorer.embed_texts(texts)
        size_hw = (scene.image.shape[0], scene.image.shape[1])
        scores = pixel_scores(scene.maps, features, size_hw)
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
        asked = {text.casefold() for text in texts}
        rivals = [word for word in self.config.background if word not in asked]
        if self.config.background and not rivals:
            rivals = ["background"]
        return rivals + texts, [0] * len(rivals) + numbers

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

    def _recipe(self, spent: Mapping[str, float]) -> Recipe:
        clip = self.scorer.clip
        settings = {**to_dict(self.config), "scorer": to_dict(self.scorer.config)}
        return Recipe.of_run(
            self.scorer_name, self.preset, settings, {"clip": clip}, clip.device, spent, clip.dtype
        )


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
