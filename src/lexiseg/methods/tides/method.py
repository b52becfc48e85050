"""TIDES with its parts: any dense scorer and any promptable segmenter."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from lexiseg.config import override, split_options
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, ImageArray, Provenance
from lexiseg.methods.parts import (
    check_scorer,
    load_scorer,
    load_segmenter,
    part_options,
    segmenter_checkpoints,
    source_of,
)
from lexiseg.methods.tides.config import TidesConfig, variant_config
from lexiseg.methods.tides.pipeline import find_objects
from lexiseg.methods.tides.presets import PRESETS, find_preset
from lexiseg.methods.tides.scene import Scene, encode_scenes
from lexiseg.methods.tides.steps import PUBLISHED, Steps
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.registry import SCORERS
from lexiseg.types import DenseScorer, PromptableSegmenter, Vocabulary


class Tides(BaseMethod[Scene, TidesConfig]):
    """Finds every single object of the named classes.

    Args:
        scorer: tells where each name may be.
        segmenter: cuts objects out at points.
        config: settings.
        steps: who carries out steps A to D; exchange one to see what it costs.
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> tides = lexiseg.load("tides", preset="paper", scorer="sclip")  # doctest: +SKIP
        >>> result = tides.segment("fruit.jpg", ["apple", "dog"])         # doctest: +SKIP
        >>> len(result.instances["apple"])                                # doctest: +SKIP
        3
    """

    name = "tides"
    task = "instances"
    scene_type = Scene
    encoding = (
        "weights",
        "dtypes",
        "settings.scorer",
        *(f"settings.{option}" for option in ("long_side", "windows", "stride", "window_input")),
        *(f"settings.{option}" for option in ("cell", "short_side", "narrow")),
    )
    fixed: ClassVar[Mapping[str, object]] = {}

    def __init__(
        self,
        scorer: DenseScorer,
        segmenter: PromptableSegmenter,
        config: TidesConfig | None = None,
        steps: Steps = PUBLISHED,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or TidesConfig(), provenance)
        self.scorer = scorer
        self.segmenter = segmenter
        self.steps = steps

    @classmethod
    def load(
        cls,
        /,  # `cls` is also the name of an option
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str = "recommended",
        scorer: str | None = None,
        segmenter: str | None = None,
        clip_weights: str | Path | None = None,
        segmenter_weights: str | Path | None = None,
        **options: object,
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
        clip, seer, cutter = (
            str(clip_weights or chosen.clip),
            scorer or chosen.scorer,
            segmenter or chosen.segmenter,
        )
        check_scorer(seer, scorer_options)
        require_weights(clip, *segmenter_checkpoints(cutter, segmenter_weights))
        parts = {
            "variant": variant,
            "scorer": seer,
            "clip_weights": clip,
            "segmenter": cutter,
            "segmenter_weights": source_of(segmenter_weights),
        }
        return cls(
            load_scorer(seer, clip, device, dtype, scorer_options),
            load_segmenter(cutter, segmenter_weights, device, dtype),
            config,
            provenance=Provenance(preset, parts, frozenset(options)),
        )

    @property
    def networks(self) -> Mapping[str, object]:
        """Whose weights make the answer, by part."""
        return {"scorer": self.scorer, "segmenter": self.segmenter}

    @property
    def part_settings(self) -> Mapping[str, object]:
        """Which scorer, its options, and the steps that are not the published ones."""
        options = part_options("scorer", getattr(self.scorer, "config", None))
        changed = self.steps.exchanged
        kind = {"scorer": SCORERS.name_of(type(self.scorer)), **options}
        return {**kind, "exchanged": changed} if changed else kind

    @property
    def measured(self) -> Mapping[str, object]:
        """Settings to measure AP with, see `Preset`; empty for other combinations of parts."""
        usual = PRESETS[self.preset].measured if self.preset in PRESETS else {}
        chosen = self.provenance.chosen
        return {name: value for name, value in usual.items() if name not in chosen}

    def with_steps(self, steps: Steps) -> Self:
        """The same weights and settings with other steps."""
        other = copy.copy(self)
        other.steps = steps
        return other

    def _encode(self, image: ImageArray, watch: Stopwatch) -> Scene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[Scene]:
        """The slow half of step A, and the segmenter's embeddings."""
        return encode_scenes(images, self.scorer, self.segmenter, self.config)

    def _segment(self, scene: Scene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        return find_objects(scene, vocabulary, self, watch)


class TidesRaw(Tides):
    """TIDES without step D: masks ranked by the segmenter's own scores (the paper's Raw)."""

    name = "tides-raw"
    fixed: ClassVar[Mapping[str, object]] = {"ranking": "segmenter"}
