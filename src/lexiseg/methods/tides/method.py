"""TIDES with its parts: any dense scorer and any promptable segmenter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from lexiseg.config import override, split_options, to_dict
from lexiseg.io.image import path_of, read_image
from lexiseg.methods.tides.config import TidesConfig, variant_config
from lexiseg.methods.tides.loading import load_scorer, load_segmenter
from lexiseg.methods.tides.pipeline import find_objects
from lexiseg.methods.tides.presets import PRESETS, find_preset
from lexiseg.methods.tides.scene import Scene, encode_scene
from lexiseg.methods.tides.steps import PUBLISHED, Steps
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import DenseScorer, Names, PromptableSegmenter, Recipe, Result, Vocabulary


class Tides:
    """Finds every single object of the named classes.

    Args:
        scorer: tells where each name may be.
        segmenter: cuts objects out at points.
        config: settings.
        preset: what to call the combination in results.
        steps: who carries out steps A to D; exchange one to see what it costs.

    Example:
        >>> import lexiseg
        >>> tides = lexiseg.load("tides", preset="paper", scorer="sclip")  # doctest: +SKIP
        >>> result = tides.segment("fruit.jpg", ["apple", "dog"])         # doctest: +SKIP
        >>> len(result.instances["apple"])                                # doctest: +SKIP
        3
    """

    method = "tides"
    task = "instances"
    fixed: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        scorer: DenseScorer,
        segmenter: PromptableSegmenter,
        config: TidesConfig | None = None,
        preset: str = "custom",
        steps: Steps = PUBLISHED,
    ) -> None:
        self.scorer = scorer
        self.segmenter = segmenter
        self.config = config or TidesConfig()
        self.preset = preset
        self.steps = steps

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str = "recommended",
        scorer: str | None = None,
        segmenter: str | None = None,
        clip_weights: str | Path | None = None,
        segmenter_weights: str | Path | None = None,
        **options: Any,
    ) -> Tides:
        """Load settings and weights.

        Args:
            preset: a name of `presets.PRESETS`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            variant: "recommended", or "paper" for the literal readings.
            scorer: a name of `SCORERS` in place of the preset's.
            segmenter: a name of `SEGMENTERS` in place of the preset's.
            clip_weights: hub id, folder or file of the scorer's CLIP.
            segmenter_weights: the same for the segmenter.
            options: fields of `TidesConfig`; ``scorer.x`` is the option x of the scorer.

        Raises:
            UnknownNameError: no such preset, variant, scorer, segmenter or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(preset)
        own, scorer_options = split_options(options, "scorer.")
        config = override(variant_config(variant, chosen.options), {**cls.fixed, **own})
        weights = clip_weights or chosen.clip
        dense = load_scorer(scorer or chosen.scorer, weights, device, dtype, scorer_options)
        masks = load_segmenter(segmenter or chosen.segmenter, segmenter_weights, device, dtype)
        return cls(dense, masks, config, preset)

    @property
    def networks(self) -> Mapping[str, Any]:
        """Whose weights make the answer, by part."""
        return {"scorer": getattr(self.scorer, "clip", self.scorer), "segmenter": self.segmenter}

    @property
    def settings(self) -> dict[str, Any]:
        """The scorer's kind and all settings, as plain data."""
        return {"scorer": type(self.scorer).__name__, **to_dict(self.config)}

    def configured(self, **options: Any) -> Tides:
        """The same weights under other settings."""
        config = override(self.config, options)
        return type(self)(self.scorer, self.segmenter, config, self.preset, self.steps)

    @property
    def measured(self) -> Mapping[str, Any]:
        """Settings to measure AP with, see `Preset`; empty for other combinations of parts.

        The command line asks with them. From Python: ``tides.configured(**tides.measured)``.
        """
        return PRESETS[self.preset].measured if self.preset in PRESETS else {}

    def with_steps(self, steps: Steps) -> Tides:
        """The same weights and settings with other steps."""
        return type(self)(self.scorer, self.segmenter, self.config, self.preset, steps)

    def encode(self, image: Any) -> Scene:
        """Compute what does not depend on names: the slow half of step A, and the embedding.

        Args:
            image: path, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        watch = Stopwatch(self.scorer.device)
        with watch("encode"):
            scene = encode_scene(read_image(image), self.scorer, self.segmenter, self.config)
        scene.path, scene.encode_ms = path_of(image), watch.timing_ms["encode"]
        return scene

    def segment(self, image: Any, names: Names) -> Result:
        """Find the objects of named classes.

        Args:
            image: a scene, or what `encode` takes.
            names: a comma list, a list, or a mapping from alias to name.
        """
        scene = image if isinstance(image, Scene) else self.encode(image)
        vocabulary = Vocabulary.parse(names)
        watch = Stopwatch(self.scorer.device)
        with watch("segment"):
            answer = find_objects(scene, vocabulary, self, watch)
        return Result(
            size_hw=scene.embedding.size_hw,
            names=vocabulary.names,
            instances=answer.instances,
            presence=answer.presence,
            recipe=self._recipe(scene, watch),
            path=scene.path,
            image=scene.image,
        )

    def _recipe(self, scene: Scene, watch: Stopwatch) -> Recipe:
        spent = {"encode": scene.encode_ms, **watch.timing_ms}
        exchanged = self.steps.exchanged
        settings = {**self.settings, **({"exchanged": exchanged} if exchanged else {})}
        return Recipe.of_run(
            self.method, self.preset, settings, self.networks, self.scorer.device, spent
        )


class TidesRaw(Tides):
    """TIDES without step D: masks ranked by the segmenter's own scores (the paper's Raw)."""

    method = "tides-raw"
    fixed: ClassVar[Mapping[str, Any]] = {"ranking": "segmenter"}
