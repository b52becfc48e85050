"""CLIP as RNN: segment countless visual concepts without training (Sun et al., CVPR 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lexiseg.config import override, to_dict
from lexiseg.errors import UnknownNameError
from lexiseg.io.image import path_of, read_image
from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.loading import load_clip_pair, load_mask_proposer
from lexiseg.methods.car.presets import find_preset
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.recurrence import Recurrence
from lexiseg.methods.car.referring import PROTOCOLS, Protocol, find_sentences, referring_config
from lexiseg.methods.car.report import Findings
from lexiseg.methods.car.sam_ensemble import sharpen
from lexiseg.methods.car.scene import Scene, encode_scene
from lexiseg.methods.car.semantic import find_names
from lexiseg.methods.car.video import TemporalSmoother
from lexiseg.models.clip import Clip
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import MaskProposer, Names, Recipe, Result, Vocabulary

Finder = Callable[[Scene, Stopwatch], Findings]


class CaR:
    """Finds named things in images and refuses names that are not there.

    Args:
        proposal: CLIP whose attention and gradients propose masks.
        classifier: CLIP that judges them; may be the same object.
        config: settings.
        preset: what to call the combination in results.

    Attributes:
        segmenter: a class-agnostic mask model that sharpens the masks (paper, section 3.4), None
            by default.

    Example:
        >>> import lexiseg
        >>> car = lexiseg.load("car", preset="mini")                     # doctest: +SKIP
        >>> scene = car.encode("street.jpg")                             # doctest: +SKIP
        >>> car.segment(scene, ["dog", "zebra"]).presence["zebra"].kept  # doctest: +SKIP
        False
    """

    def __init__(
        self, proposal: Clip, classifier: Clip, config: CarConfig, preset: str = "custom"
    ) -> None:
        self.proposal = proposal
        self.classifier = classifier
        self.config = config
        self.preset = preset
        self.segmenter: MaskProposer | None = None

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str = "paper",
        proposal_weights: str | Path | None = None,
        classifier_weights: str | Path | None = None,
        segmenter: str | None = None,
        **options: Any,
    ) -> CaR:
        """Load settings and weights.

        Args:
            preset: a name of `presets.PRESETS`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            variant: "paper", or "released" for the authors' code where it differs.
            proposal_weights: hub id, folder or file in place of the preset's CAM tower.
            classifier_weights: the same for the mask classifier.
            segmenter: a name of `SEGMENTERS` ("sam-hq-vit-h") whose masks of everything sharpen
                the result; None for none.
            options: fields of `CarConfig`, nested ones dotted (``crf.iterations``).

        Raises:
            UnknownNameError: no such preset, variant or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(preset)
        config = override(chosen.config(variant), options)
        proposal, classifier = load_clip_pair(
            proposal_weights or chosen.proposal,
            classifier_weights or chosen.classifier,
            device,
            dtype,
            config,
        )
        car = cls(proposal, classifier, config, preset)
        car.segmenter = load_mask_proposer(segmenter, device, dtype) if segmenter else None
        return car

    def configured(self, **options: Any) -> CaR:
        """The same weights under other settings."""
        other = CaR(self.proposal, self.classifier, override(self.config, options), self.preset)
        other.segmenter = self.segmenter
        return other

    def encode(self, image: Any) -> Scene:
        """Compute what does not depend on names.

        Args:
            image: path, (H, W, 3) uint8 RGB array or Pillow image.

        Raises:
            ImageError: the image cannot be read.
        """
        watch = Stopwatch(self.proposal.device)
        with watch("encode"):
            scene = encode_scene(read_image(image), self.proposal, self.config)
        scene.path, scene.encode_ms = path_of(image), watch.timing_ms["encode"]
        return scene

    def segment(self, image: Any, names: Names) -> Result:
        """Find named things.

        Args:
            image: a scene, or what `encode` takes.
            names: a comma list, a list, or a mapping from alias to name.
        """
        vocabulary = Vocabulary.parse(names)
        return self._answer(image, self._name_finder(vocabulary, None))

    def refer(
        self, image: Any, sentences: str | Sequence[str], protocol: Protocol = "per-sentence"
    ) -> Result:
        """Find what sentences describe.

        Args:
            image: a scene, or what `encode` takes.
            sentences: one or several.
            protocol: "per-sentence": a region for each; "ensemble": all describe one object.
        """
        return self._answer(image, self._sentence_finder(sentences, protocol, None))

    def video(
        self,
        frames: Iterable[Any],
        names: Names,
        *,
        smoothing: float | None = None,
        refer: bool = False,
    ) -> Iterator[Result]:
        """Answer frame by frame, reading the next frame only when its answer is wanted.

        Args:
            frames: images as `encode` takes them.
            names: names, or sentences if `refer` is set.
            smoothing: weight of the past in scores and proposals, 0..1; None takes the config's.
            refer: treat `names` as sentences, each with a region of its own.
        """
        weight = self.config.temporal_smoothing if smoothing is None else smoothing
        car = self.configured(temporal_smoothing=weight)
        smoother = TemporalSmoother(car.config) if weight else None
        if refer:
            finder = car._sentence_finder(Vocabulary.parse(names).names, "per-sentence", smoother)
        else:
            finder = car._name_finder(Vocabulary.parse(names), smoother)
        return (car._answer(frame, finder) for frame in frames)

    def _name_finder(self, vocabulary: Vocabulary, smoother: TemporalSmoother | None) -> Finder:
        recurrence = self._recurrence(self.config, separate=False)
        return lambda scene, watch: find_names(scene, vocabulary, recurrence, watch, smoother)

    def _sentence_finder(
        self, sentences: str | Sequence[str], protocol: Protocol, smoother: TemporalSmoother | None
    ) -> Finder:
        if protocol not in PROTOCOLS:
            raise UnknownNameError("protocol", protocol, PROTOCOLS)
        given = [sentences] if isinstance(sentences, str) else sentences
        asked = Vocabulary.parse(given).names
        recurrence = self._recurrence(referring_config(self.config), separate=True)
        return lambda scene, watch: find_sentences(
            scene, asked, protocol, recurrence, watch, smoother
        )

    def _recurrence(self, config: CarConfig, separate: bool) -> Recurrence:
        generator = ProposalGenerator(self.proposal, config, separate)
        return Recurrence(generator, MaskClassifier(self.classifier, config), config)

    def _answer(self, image: Any, find: Finder) -> Result:
        scene = image if isinstance(image, Scene) else self.encode(image)
        watch = Stopwatch(self.proposal.device)
        with watch("segment"):
            findings = find(scene, watch)
            if self.segmenter:
                sharpen(findings, scene, self.segmenter, self.config.segments)
        return findings.result(scene, self._recipe(scene, watch))

    def _recipe(self, scene: Scene, watch: Stopwatch) -> Recipe:
        spent = {"encode": scene.encode_ms, **watch.timing_ms}
        towers = {"proposal": self.proposal, "classifier": self.classifier}
        place, dtype = self.proposal.device, self.proposal.dtype
        settings = to_dict(self.config)
        return Recipe.of_run("car", self.preset, settings, towers, place, spent, dtype)
