"""SAM + CLIP: every mask of an image, each named by CLIP (the naive way to do what TIDES does)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.config import override
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, BaseScene, ImageArray, Provenance
from lexiseg.methods.baselines.config import SamClipConfig
from lexiseg.methods.baselines.crops import crop_square
from lexiseg.methods.baselines.presets import SAM_CLIP, find_preset
from lexiseg.methods.baselines.ranking import best_first
from lexiseg.methods.parts import load_segmenter, segmenter_checkpoints, source_of
from lexiseg.models.clip import Clip
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.scorers.text import embed_names
from lexiseg.types import Instance, Mask, Presence, PromptableSegmenter, Vocabulary, rivals

if TYPE_CHECKING:
    from lexiseg.models.sam import Proposal

CROPS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class SamClipScene(BaseScene):
    """All masks of an image, before anything is named.

    Attributes:
        proposals: N masks, best first.
        features: (N, E) unit features of what CLIP saw of them.
    """

    proposals: Sequence[Proposal]
    features: Tensor


class SamClip(BaseMethod[SamClipScene, SamClipConfig]):
    """Names each automatic mask by the text that CLIP finds most like it.

    Masks and crops know no names, so all of them belong to the slow half.

    Args:
        clip: names the masks.
        segmenter: makes them, prompted with a grid of points.
        config: settings.
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> baseline = lexiseg.load("sam+clip")                     # doctest: +SKIP
        >>> baseline.segment("fruit.jpg", ["apple", "dog"])         # doctest: +SKIP
    """

    name = "sam+clip"
    task = "instances"
    scene_type = SamClipScene
    encoding = (
        "weights",
        "dtypes",
        *(f"settings.{option}" for option in ("points_per_side", "min_mask_score")),
        *(f"settings.{option}" for option in ("min_stability", "max_box_iou", "crop", "margin")),
    )

    def __init__(
        self,
        clip: Clip,
        segmenter: PromptableSegmenter,
        config: SamClipConfig | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or SamClipConfig(), provenance)
        self.clip = clip
        self.segmenter = segmenter

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        segmenter: str | None = None,
        clip_weights: str | Path | None = None,
        segmenter_weights: str | Path | None = None,
        **options: object,
    ) -> SamClip:
        """Load settings and weights.

        Args:
            preset: a name of `presets.SAM_CLIP`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            segmenter: a name of `SEGMENTERS` in place of the preset's.
            clip_weights: hub id, folder, file or bundled name of the CLIP.
            segmenter_weights: hub id, folder or file of the segmenter.
            options: fields of `SamClipConfig`.

        Raises:
            UnknownNameError: no such preset, segmenter or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = find_preset(SAM_CLIP, preset)
        config = override(SamClipConfig(), {**chosen.options, **options})
        reader, cutter = str(clip_weights or chosen.weights), segmenter or chosen.segmenter
        require_weights(reader, *segmenter_checkpoints(cutter, segmenter_weights))
        parts = {
            "clip_weights": reader,
            "segmenter": cutter,
            "segmenter_weights": source_of(segmenter_weights),
        }
        clip = Clip.load(reader, device, dtype)
        masks = load_segmenter(cutter, segmenter_weights, device, dtype)
        return cls(clip, masks, config, Provenance(preset, parts))

    @property
    def networks(self) -> Mapping[str, object]:
        """CLIP and the segmenter."""
        return {"clip": self.clip, "segmenter": self.segmenter}

    def _encode(self, image: ImageArray, watch: Stopwatch) -> SamClipScene:
        """Cut out everything and show each piece to CLIP."""
        proposals = self._propose(image)
        features = self._see(image, [proposal.mask for proposal in proposals])
        return SamClipScene(image, proposals, features)

    def _propose(self, image: ImageArray) -> Sequence[Proposal]:
        # Imported here because it brings transformers, which takes seconds.
        from lexiseg.models.sam import AutomaticConfig, AutomaticMasks

        config = self.config
        generator = AutomaticConfig(
            points_per_side=config.points_per_side,
            min_score=config.min_mask_score,
            min_stability=config.min_stability,
            max_box_iou=config.max_box_iou,
        )
        return AutomaticMasks(self.segmenter, generator).propose(image)

    def _see(self, image: ImageArray, masks: Sequence[Mask]) -> Tensor:
        """Unit features (N, E) of what surrounds each mask."""
        config, wanted = self.config, self.clip.preprocessing
        parts = [torch.empty(0, self.clip.visual.config.embed_dim, device=self.clip.device)]
        for start in range(0, len(masks), CROPS_AT_ONCE):
            squares = [
                crop_square(image, mask, wanted.size, config.crop, config.margin, wanted.mean)
                for mask in masks[start : start + CROPS_AT_ONCE]
            ]
            parts.append(self.clip.image_features(wanted.normalize(squares)))
        return F.normalize(torch.cat(parts), dim=-1)

    def _segment(self, scene: SamClipScene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        """Give each mask its name."""
        probabilities = self._judge(scene, vocabulary)
        found = self._name(scene, vocabulary, probabilities)
        presence = _presence(vocabulary.names, probabilities, found)
        return Answer(best_first(found, vocabulary.names), presence)

    def _judge(self, scene: SamClipScene, vocabulary: Vocabulary) -> Tensor:
        """Probabilities (N, C + 1) of names and, last, the background, on the CPU."""
        groups = [*vocabulary.wordings, rivals(self.config.background, vocabulary.texts)]
        texts = [text for group in groups for text in group]
        features = embed_names(self.clip, texts, self.config.templates)
        logits = self.clip.logit_scale * (scene.features @ features.T)
        owner = torch.tensor([n for n, group in enumerate(groups) for _ in group])
        shares = logits.softmax(dim=-1).cpu()
        merged = shares.new_zeros(len(shares), len(groups))
        return merged.scatter_reduce_(1, owner.expand(shares.shape), shares, "amax")

    def _name(
        self, scene: SamClipScene, vocabulary: Vocabulary, probabilities: Tensor
    ) -> list[Instance]:
        found = []
        best, winner = probabilities.max(dim=1)
        for proposal, share, number in zip(
            scene.proposals, best.tolist(), winner.tolist(), strict=True
        ):
            if number < len(vocabulary) and share >= self.config.min_probability:
                quality = min(max(proposal.score, 0.0), 1.0)
                score = share * (quality if self.config.confidence == "probability*mask" else 1.0)
                details = {"probability": share, "segmenter": proposal.score}
                found.append(
                    Instance(vocabulary.names[number], score, proposal.mask, details=details)
                )
        return found


def _presence(
    names: Sequence[str], probabilities: Tensor, found: Sequence[Instance]
) -> list[Presence]:
    if not len(probabilities):
        return [Presence(name, 0.0, False, "the segmenter found no mask") for name in names]
    labels = [item.label for item in found]
    entries = []
    for name, share in zip(names, probabilities[:, :-1].amax(dim=0).tolist(), strict=True):
        count = labels.count(name)
        reason = f"{count} of {len(probabilities)} masks look most like it"
        entries.append(Presence(name, share, count > 0, reason))
    return entries
