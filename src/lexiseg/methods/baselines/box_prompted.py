"""A detector that knows words draws boxes, a promptable segmenter cuts out what is in them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from lexiseg.config import override
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, BaseScene, ImageArray, Provenance
from lexiseg.methods.baselines.box_masks import masks_in_boxes
from lexiseg.methods.baselines.config import BoxConfig, GroundedSamConfig, OwlSamConfig
from lexiseg.methods.baselines.presets import GROUNDED_SAM, OWL_SAM, Preset, find_preset
from lexiseg.methods.baselines.ranking import best_first
from lexiseg.methods.parts import encode_all, load_segmenter, segmenter_checkpoints, source_of
from lexiseg.models.hub import require_weights
from lexiseg.ops.mask_nms import box_iou, rank, suppress
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import (
    ImageEmbedding,
    Instance,
    Presence,
    PromptableSegmenter,
    Vocabulary,
    precision_of,
)

if TYPE_CHECKING:
    from lexiseg.models.detectors import Detections, GroundingDino, Owlv2
    from lexiseg.models.detectors.grounding_dino import BackboneFeatures
    from lexiseg.models.detectors.owlv2 import PatchFeatures


SeenT = TypeVar("SeenT")
SeenT_co = TypeVar("SeenT_co", covariant=True)


class Detector(Protocol[SeenT_co]):
    """What finds boxes; how it is asked for them is its own."""

    def encode(self, image: ImageArray, /) -> SeenT_co:
        """All that is known of an (H, W, 3) uint8 RGB image before any word."""
        ...


@dataclass(frozen=True, eq=False)
class BoxScene(BaseScene, Generic[SeenT]):
    """An image that detector and segmenter have seen, before anything is named.

    Attributes:
        seen: the detector's features.
        embedding: the segmenter's.
    """

    seen: SeenT
    embedding: ImageEmbedding


BoxConfigT = TypeVar("BoxConfigT", bound=BoxConfig)


class BoxPrompted(BaseMethod[BoxScene[SeenT], BoxConfigT], Generic[SeenT, BoxConfigT]):
    """Detect, then segment.

    Args:
        detector: finds boxes for phrases.
        segmenter: answers boxes by masks.
        config: settings.
        provenance: how the parts were loaded.
    """

    task = "instances"
    scene_type: type[BoxScene[SeenT]] = BoxScene
    encoding = ("method", "weights", "dtypes")
    config_type: type[BoxConfigT]
    presets: ClassVar[Mapping[str, Preset]]

    def __init__(
        self,
        detector: Detector[SeenT],
        segmenter: PromptableSegmenter,
        config: BoxConfigT | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or self.config_type(), provenance)
        self.detector: Detector[SeenT] = detector
        self.segmenter = segmenter

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        segmenter: str | None = None,
        detector_weights: str | Path | None = None,
        segmenter_weights: str | Path | None = None,
        **options: object,
    ) -> Self:
        """Load settings and weights.

        Args:
            preset: a name of the method's `presets`.
            device: "auto" or a torch device.
            dtype: precision of the segmenter; detectors stay in float32, since 16 bits would move
                boxes by several pixels.
            segmenter: a name of `SEGMENTERS` in place of the preset's.
            detector_weights: hub id or folder of the detector.
            segmenter_weights: hub id, folder or file of the segmenter.
            options: fields of the method's config.

        Raises:
            UnknownNameError: no such preset, segmenter or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(cls.presets, preset)
        config = override(cls.config_type(), {**chosen.options, **options})
        finder, cutter = str(detector_weights or chosen.weights), segmenter or chosen.segmenter
        require_weights(finder, *segmenter_checkpoints(cutter, segmenter_weights))
        parts = {
            "detector_weights": finder,
            "segmenter": cutter,
            "segmenter_weights": source_of(segmenter_weights),
        }
        return cls(
            cls.load_detector(finder, device),
            load_segmenter(cutter, segmenter_weights, device, dtype),
            config,
            Provenance(preset, parts),
        )

    @staticmethod
    @abstractmethod
    def load_detector(source: str | Path, device: str) -> Detector[SeenT]:
        """The detector from a hub id or folder."""

    @abstractmethod
    def detect(self, seen: SeenT, wordings: Sequence[str]) -> Detections:
        """Boxes of wordings above the configured thresholds."""

    @property
    def networks(self) -> Mapping[str, object]:
        """Detector and segmenter."""
        return {"detector": self.detector, "segmenter": self.segmenter}

    @property
    def dtype(self) -> str:
        """The segmenter's precision; the detector has its own whatever was chosen."""
        return precision_of(self.segmenter)

    def _encode(self, image: ImageArray, watch: Stopwatch) -> BoxScene[SeenT]:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[BoxScene[SeenT]]:
        seen = encode_all(self.detector, images)
        embeddings = encode_all(self.segmenter, images)
        return [BoxScene(*about) for about in zip(images, seen, embeddings, strict=True)]

    def _segment(self, scene: BoxScene[SeenT], vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        """Detect, thin out, cut out."""
        wordings = [text for own in vocabulary.wordings for text in own]
        owner = [n for n, own in enumerate(vocabulary.wordings) for _ in own]
        found = self.detect(scene.seen, wordings)
        instances = self._cut_out(scene, self._thin(found, scene), vocabulary.names, owner)
        presence = self._presence(vocabulary.names, owner, found.best, instances)
        return Answer(best_first(instances, vocabulary.names), presence)

    def _thin(self, found: Detections, scene: BoxScene[SeenT]) -> Detections:
        """Boxes cut to the image; of those that coincide the best stays, whatever its name."""
        height, width = scene.size_hw
        inside = found.boxes.clamp(min=0).minimum(torch.tensor([width, height] * 2))
        clipped = replace(found, boxes=inside)
        visible = clipped[(inside[:, 2:] > inside[:, :2]).all(dim=1)]
        boxes = visible.boxes
        kept = suppress(
            rank(visible.scores),
            lambda one, other: box_iou(boxes[one], boxes[other]),
            self.config.nms_iou,
        )
        return visible[kept[: self.config.max_objects]]

    def _cut_out(
        self, scene: BoxScene[SeenT], found: Detections, names: Sequence[str], owner: Sequence[int]
    ) -> list[Instance]:
        masks = masks_in_boxes(self.segmenter, scene.embedding, found.boxes, self.config.multimask)
        return [
            Instance(names[owner[phrase]], score, mask, details={"segmenter": quality})
            for phrase, score, (mask, quality) in zip(
                found.phrases.tolist(), found.scores.tolist(), masks, strict=True
            )
            if mask.area
        ]

    def _presence(
        self,
        names: Sequence[str],
        owner: Sequence[int],
        best: Tensor,
        instances: Sequence[Instance],
    ) -> list[Presence]:
        labels = [item.label for item in instances]
        scores = [0.0] * len(names)
        for number, score in zip(owner, best.tolist(), strict=True):
            scores[number] = max(scores[number], score)
        entries = []
        for name, score in zip(names, scores, strict=True):
            count = labels.count(name)
            reason = f"{count} object{'s' if count > 1 else ''}"
            if not count:
                reason = "no box is its own: others are stronger"
            if score <= self.config.min_score:
                reason = f"best box {score:.2f} is not above {self.config.min_score:.2f}"
            entries.append(Presence(name, score, count > 0, reason))
        return entries


class GroundedSam(BoxPrompted["BackboneFeatures", GroundedSamConfig]):
    """Grounding DINO and a promptable segmenter (Ren et al. 2024).

    Example:
        >>> import lexiseg
        >>> baseline = lexiseg.load("grounded-sam", segmenter="sam2.1-large")  # doctest: +SKIP
        >>> baseline.segment("fruit.jpg", ["apple", "dog"])                    # doctest: +SKIP
    """

    name = "grounded-sam"
    config_type = GroundedSamConfig
    presets = GROUNDED_SAM
    detector: GroundingDino

    @staticmethod
    def load_detector(source: str | Path, device: str) -> GroundingDino:
        """Grounding DINO."""
        from lexiseg.models.detectors import GroundingDino

        return GroundingDino.load(source, device)

    def detect(self, seen: BackboneFeatures, wordings: Sequence[str]) -> Detections:
        """Boxes of wordings, several in one text."""
        config = self.config
        return self.detector.detect(seen, wordings, config.min_score, config.min_word_score)


class OwlSam(BoxPrompted["PatchFeatures", OwlSamConfig]):
    """OWLv2 and a promptable segmenter.

    Example:
        >>> import lexiseg
        >>> baseline = lexiseg.load("owlv2+sam")                 # doctest: +SKIP
        >>> baseline.segment("fruit.jpg", ["apple", "dog"])      # doctest: +SKIP
    """

    name = "owlv2+sam"
    config_type = OwlSamConfig
    presets = OWL_SAM
    detector: Owlv2

    @staticmethod
    def load_detector(source: str | Path, device: str) -> Owlv2:
        """OWLv2."""
        from lexiseg.models.detectors import Owlv2

        return Owlv2.load(source, device)

    def detect(self, seen: PatchFeatures, wordings: Sequence[str]) -> Detections:
        """Boxes of wordings, each in a sentence of its own."""
        texts = [self.config.template.replace("{}", wording) for wording in wordings]
        return self.detector.detect(seen, texts, self.config.min_score)
