"""Zero-guidance with its parts: self-supervised features, CLIP and what puts it into words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexiseg.config import override, to_dict
from lexiseg.io.image import path_of, read_image
from lexiseg.methods.zero_guidance.candidates import find_segments
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.loading import choose, load_captioner
from lexiseg.methods.zero_guidance.pipeline import Scene, encode_scene, label_scene
from lexiseg.methods.zero_guidance.presets import find_preset
from lexiseg.methods.zero_guidance.report import build_result
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.clip import Clip
from lexiseg.models.dino import Dino
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Captioner, Recipe, Result, SelfSupervisedEncoder


class ZeroGuidance:
    """Cuts a picture into meaningful segments and names them, without being asked for anything.

    Args:
        dino: whose keys say which pixels belong together; any self-supervised encoder.
        clip: sees the segments.
        captioner: puts what CLIP sees into words.
        config: settings.
        preset: what to call the combination in results.

    Example:
        >>> import lexiseg
        >>> zero = lexiseg.load("zero-guidance", preset="mini")    # doctest: +SKIP
        >>> zero.label("photo.jpg").names                          # doctest: +SKIP
        ('grass', 'dog', 'sky')
    """

    method = "zero-guidance"

    def __init__(
        self,
        dino: SelfSupervisedEncoder,
        clip: Clip,
        captioner: Captioner,
        config: ZeroGuidanceConfig | None = None,
        preset: str = "custom",
    ) -> None:
        self.dino = dino
        self.clip = clip
        self.captioner = captioner
        self.config = config or ZeroGuidanceConfig()
        self.preset = preset

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str = "recommended",
        decoder: str | None = None,
        dino_weights: str | Path | None = None,
        clip_weights: str | Path | None = None,
        **options: Any,
    ) -> ZeroGuidance:
        """Load settings and weights.

        Args:
            preset: a name of `presets.PRESETS`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            variant: "recommended", or the literal readings "paper" and "released".
            decoder: a name of `CAPTIONERS` in place of the preset's.
            dino_weights: hub id, folder or file in place of the preset's.
            clip_weights: the same for CLIP.
            options: fields of `ZeroGuidanceConfig`; ``decoder.x`` is the option x of the decoder.

        Raises:
            UnknownNameError: no such preset, variant, decoder or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        weights = find_preset(preset)
        choice = choose(weights, variant, decoder, options)
        dino = Dino.load(dino_weights or weights.dino, device, dtype)
        clip = Clip.load(clip_weights or weights.clip, device, dtype)
        return cls(dino, clip, load_captioner(choice, clip), choice.config, preset)

    def configured(self, **options: Any) -> ZeroGuidance:
        """The same weights and captioner under other settings."""
        config = override(self.config, options)
        return type(self)(self.dino, self.clip, self.captioner, config, self.preset)

    def encode(self, image: Any) -> Scene:
        """Cut an image into candidate segments and embed them: what no choice of words changes.

        Args:
            image: path, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        scene = encode_scene(read_image(image), self._cut, self.clip, self.config)
        scene.path = path_of(image)
        return scene

    def label(self, image: Any) -> Result:
        """Name the segments of an image and merge those that mean the same.

        Args:
            image: a scene, or what `encode` takes.
        """
        scene = image if isinstance(image, Scene) else self.encode(image)
        watch = Stopwatch(self.clip.device)
        with watch("label"):
            merged = label_scene(scene, self, watch)
        return build_result(scene, merged.nodes, self._recipe(scene, watch))

    def _cut(self, image: NDArray[np.uint8]) -> Segments:
        return find_segments(image, self.dino, self.config)

    def _recipe(self, scene: Scene, watch: Stopwatch) -> Recipe:
        spent = {**scene.timing_ms, **watch.timing_ms}
        words = getattr(self.captioner, "model", self.captioner)
        parts = {"dino": self.dino, "clip": self.clip, "captioner": words}
        settings = {"captioner": type(self.captioner).__name__, **to_dict(self.config)}
        return Recipe.of_run(self.method, self.preset, settings, parts, self.clip.device, spent)
