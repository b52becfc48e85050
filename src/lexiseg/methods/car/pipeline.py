"""CLIP as RNN: segment countless visual concepts without training (Sun et al., CVPR 2024)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lexiseg.config import override, split_options
from lexiseg.errors import UsageError
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, Finder, ImageArray, Provenance
from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.loading import load_clip_pair, load_mask_proposer
from lexiseg.methods.car.presets import find_preset
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.recurrence import Recurrence
from lexiseg.methods.car.referring import find_sentences, referring_config
from lexiseg.methods.car.report import Findings
from lexiseg.methods.car.sam_ensemble import sharpen
from lexiseg.methods.car.scene import Scene, encode_scenes
from lexiseg.methods.car.semantic import find_names
from lexiseg.methods.car.video import TemporalSmoother
from lexiseg.methods.parts import part_options, segmenter_checkpoints, source_of
from lexiseg.models.clip import Clip
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import ImageSource, MaskProposer, Result, SentenceProtocol, Vocabulary


class CaR(BaseMethod[Scene, CarConfig]):
    """Finds named things in images and refuses names that are not there.

    Args:
        proposal: CLIP whose attention and gradients propose masks.
        classifier: CLIP that judges them; may be the same object.
        config: settings.
        segmenter: a class-agnostic mask model that sharpens the masks (paper, section 3.4).
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> car = lexiseg.load("car", preset="mini")                     # doctest: +SKIP
        >>> scene = car.encode("street.jpg")                             # doctest: +SKIP
        >>> car.segment(scene, ["dog", "zebra"]).presence["zebra"].kept  # doctest: +SKIP
        False
    """

    name = "car"
    verbs = ("segment", "refer", "video")
    takes_stuff = True
    scene_type = Scene
    encoding = (
        "weights.proposal",
        "dtypes.proposal",
        "settings.max_side",
        "settings.attention_blocks",
        "settings.procedure.size_multiple",
        "settings.procedure.round_positions",
    )

    def __init__(
        self,
        proposal: Clip,
        classifier: Clip,
        config: CarConfig | None = None,
        segmenter: MaskProposer | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or CarConfig(), provenance)
        self.proposal = proposal
        self.classifier = classifier
        self.segmenter = segmenter

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
        segmenter_weights: str | Path | None = None,
        **options: object,
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
            segmenter_weights: hub id, folder or file of the segmenter.
            options: fields of `CarConfig`, nested ones dotted (``crf.iterations``); after
                ``segmenter.`` those of `lexiseg.models.sam.AutomaticConfig`.

        Raises:
            UnknownNameError: no such preset, variant, segmenter or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(preset)
        own, generator = split_options(options, "segmenter.")
        config = override(chosen.config(variant), own)
        towers = proposal_weights or chosen.proposal, classifier_weights or chosen.classifier
        if not segmenter and (generator or segmenter_weights):
            raise UsageError("Options of a segmenter were given without one; add segmenter=NAME.")
        masks = segmenter_checkpoints(segmenter, segmenter_weights) if segmenter else ()
        require_weights(*towers, *masks)
        parts = {
            "variant": variant,
            "proposal_weights": str(towers[0]),
            "classifier_weights": str(towers[1]),
            "segmenter": segmenter,
            "segmenter_weights": source_of(segmenter_weights),
        }
        proposal, classifier = load_clip_pair(*towers, device, dtype)
        proposer = (
            load_mask_proposer(segmenter, segmenter_weights, device, dtype, generator)
            if segmenter
            else None
        )
        return cls(proposal, classifier, config, proposer, Provenance(preset, parts))

    @property
    def networks(self) -> Mapping[str, object]:
        """Both towers, and the segmenter if there is one."""
        towers = {"proposal": self.proposal, "classifier": self.classifier}
        return {**towers, "segmenter": self.segmenter} if self.segmenter else towers

    @property
    def part_settings(self) -> Mapping[str, object]:
        """How the segmenter is asked."""
        return part_options("segmenter", getattr(self.segmenter, "config", None))

    def _encode(self, image: ImageArray, watch: Stopwatch) -> Scene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[Scene]:
        return encode_scenes(images, self.proposal, self.config)

    def _segment(self, scene: Scene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        return self._name_finder(vocabulary, None)(scene, watch)

    def _refer(
        self, scene: Scene, sentences: tuple[str, ...], protocol: SentenceProtocol, watch: Stopwatch
    ) -> Answer:
        return self._sentence_finder(sentences, protocol, None)(scene, watch)

    def _video(
        self,
        frames: Iterable[ImageSource],
        names: Vocabulary,
        smoothing: float | None,
        refer: bool,
    ) -> Iterator[Result]:
        weight = self.config.temporal_smoothing if smoothing is None else smoothing
        car = self.configured(temporal_smoothing=weight)
        smoother = TemporalSmoother(car.config) if weight else None
        if refer:
            find = car._sentence_finder(names.names, "per-sentence", smoother)
        else:
            find = car._name_finder(names, smoother)
        return (car._answer(frame, find) for frame in frames)

    def _name_finder(
        self, vocabulary: Vocabulary, smoother: TemporalSmoother | None
    ) -> Finder[Scene]:
        recurrence = self._recurrence(self.config, separate=False)
        return lambda scene, watch: self._sharpened(
            scene, find_names(scene, vocabulary, recurrence, watch, smoother)
        )

    def _sentence_finder(
        self,
        sentences: tuple[str, ...],
        protocol: SentenceProtocol,
        smoother: TemporalSmoother | None,
    ) -> Finder[Scene]:
        recurrence = self._recurrence(referring_config(self.config), separate=True)
        return lambda scene, watch: self._sharpened(
            scene, find_sentences(scene, sentences, protocol, recurrence, watch, smoother)
        )

    def _recurrence(self, config: CarConfig, separate: bool) -> Recurrence:
        generator = ProposalGenerator(self.proposal, config, separate)
        return Recurrence(generator, MaskClassifier(self.classifier, config), config)

    def _sharpened(self, scene: Scene, findings: Findings) -> Answer:
        if self.segmenter:
            sharpen(findings, scene, self.segmenter, self.config.segments)
        return findings.answer()
