"""FC-CLIP and MAFT+: candidates once per picture, their names once per question."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from lexiseg.config import look_up, override
from lexiseg.methods.base import (
    ASSEMBLED,
    Answer,
    BaseMethod,
    BaseScene,
    ImageArray,
    Provenance,
)
from lexiseg.methods.mask_proposals.class_texts import ClassTexts, read_names
from lexiseg.methods.mask_proposals.config import FcClipConfig, MaftPlusConfig, ProposalConfig
from lexiseg.methods.mask_proposals.presets import FC_CLIP, MAFT_PLUS, Preset
from lexiseg.methods.mask_proposals.report import explain_presence
from lexiseg.methods.mask_proposals.trained_names import trained_names
from lexiseg.methods.mask_proposals.views import Views
from lexiseg.methods.parts import source_of
from lexiseg.models.fc_clip import MaskProposals, ProposalModel, load_proposal_model
from lexiseg.ops.class_logits import class_logits, geometric_ensemble, void_probability, with_void
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.ops.mask_inference import panoptic_division
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Vocabulary

SettingsT = TypeVar("SettingsT", bound=ProposalConfig)
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "released": {"mixed_cells": True},
    "paper": {"mixed_cells": False},
}
MEASURED: Mapping[str, object] = {"regions": "ranked", "semantic": "every-pixel"}


@dataclass(frozen=True, eq=False)
class ProposalScene(BaseScene):
    """An encoded image.

    Attributes:
        proposals: its candidates.
    """

    proposals: MaskProposals


class MaskProposalMethod(BaseMethod[ProposalScene, SettingsT]):
    """Finds candidates in a picture, then asks what each of them is.

    Args:
        model: finds the candidates and encodes texts.
        config: settings.
        provenance: how the model was loaded.
    """

    task = "instances"
    takes_stuff = True
    scene_type = ProposalScene
    encoding: ClassVar[tuple[str, ...]] = (
        *("method", "weights", "dtypes"),
        *("settings.short_side", "settings.long_side"),
    )

    def __init__(
        self, model: ProposalModel, config: SettingsT, provenance: Provenance = ASSEMBLED
    ) -> None:
        super().__init__(config, provenance)
        self.model = model

    @property
    def networks(self) -> Mapping[str, object]:
        """CLIP and the decoders."""
        return self.model.parts

    @property
    def measured(self) -> Mapping[str, object]:
        """The papers' instances and semantic map; their panoptic map is always made."""
        chosen = self.provenance.chosen
        return {name: value for name, value in MEASURED.items() if name not in chosen}

    def _encode(self, image: ImageArray, watch: Stopwatch) -> ProposalScene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[ProposalScene]:
        found = self.model.propose_many(images, self.config.input_size, **self.extras)
        return [ProposalScene(image, own) for image, own in zip(images, found, strict=True)]

    @property
    def extras(self) -> Mapping[str, bool]:
        """What else the model is to say of a picture."""
        return {}

    @torch.no_grad()
    def _segment(self, scene: ProposalScene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        config = self.config
        with watch("text"):
            texts = read_names(vocabulary, self.model, config.templates)
        with watch("classes"):
            probabilities = self.log_probabilities(scene.proposals, texts).softmax(dim=-1)
        stuff = {name.casefold() for name in config.stuff}
        is_thing = torch.tensor(
            [
                stuff.isdisjoint(text.casefold() for text in (name, *own))
                for name, own in zip(vocabulary.names, texts.wordings, strict=True)
            ]
        ).to(probabilities.device)
        with watch("masks"):
            masks = FullSizeMasks(scene.proposals.masks, scene.proposals.frame)
            division = panoptic_division(
                probabilities, masks, is_thing, config.min_score, config.min_overlap
            )
            views = Views(probabilities, masks, division, vocabulary.names, is_thing)
            segments = views.segments()
            ranked = config.regions == "ranked"
            regions = views.ranked(config.top) if ranked else segments
            whole = config.semantic == "every-pixel"
            pixels = views.every_pixel() if whole else views.found_pixels()
        verdicts = explain_presence(vocabulary.names, probabilities, division, config.min_score)
        return Answer(regions, verdicts, semantic=pixels, panoptic=segments)

    @abstractmethod
    def log_probabilities(self, proposals: MaskProposals, texts: ClassTexts) -> Tensor:
        """What each candidate is, as logarithms (Q, C + 1), void last.

        Args:
            proposals: candidates of a picture.
            texts: C names.
        """


class FcClip(MaskProposalMethod[FcClipConfig]):
    """FC-CLIP: one frozen convolutional CLIP finds masks and names them (Yu et al. 2023).

    Args:
        model: finds the candidates and encodes texts.
        config: settings.
        provenance: how the model was loaded.

    Example:
        >>> import lexiseg
        >>> fc_clip = lexiseg.load("fc-clip", weights="fcclip_cocopan.pth")   # doctest: +SKIP
        >>> result = fc_clip.segment("street.jpg", ["car", "road", "zebra"])  # doctest: +SKIP
        >>> result.presence["zebra"].reason                                   # doctest: +SKIP
        "its best candidate is rather 'car' (0.71), asked with 2 others"
    """

    name = "fc-clip"

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        weights: str | Path | None = None,
        backbone: str | Path | None = None,
        **options: object,
    ) -> Self:
        """Load settings and weights.

        Args:
            preset: a name of `presets.FC_CLIP`.
            device: "auto" or a torch device.
            dtype: precision of CLIP's towers: "auto", "float32", "bfloat16".
            weights: file, folder or hub id of the checkpoint; what was published is offered by hand
                only.
            backbone: file, folder or hub id of CLIP, for heads without it.
            options: fields of `FcClipConfig`.

        Raises:
            UnknownNameError: no such preset or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        chosen = look_up("preset", FC_CLIP, preset)
        config = override(FcClipConfig(), {**chosen.options, **options})
        model = _load_model(chosen, weights, backbone, device, dtype)
        parts = {"weights": source_of(weights), "backbone": source_of(backbone)}
        return cls(model, config, Provenance(preset, parts, frozenset(options)))

    def log_probabilities(self, proposals: MaskProposals, texts: ClassTexts) -> Tensor:
        """Decoder and CLIP together: sections 3.3 and 3.4."""
        config, model, counts = self.config, self.model, texts.counts
        own = class_logits(proposals.in_vocabulary, texts.rows, counts, model.decoder_scale)
        clip = class_logits(proposals.out_vocabulary, texts.rows, counts, model.clip_scale)
        known = texts.known(trained_names(config.trained_on).wordings).to(own.device)
        valid = proposals.covers_cells if config.valid_masks else None
        mixed = geometric_ensemble(
            own[:, :-1], clip[:, :-1], known, config.alpha, config.beta, valid
        )
        return with_void(mixed, void_probability(own, config.void_bias))


class MaftPlus(MaskProposalMethod[MaftPlusConfig]):
    """MAFT+: names move towards what the picture shows, then CLIP alone decides (Jiao et al. 2024).

    Args:
        model: finds the candidates and encodes texts; it has a transfer.
        config: settings.
        provenance: how the model was loaded.
    """

    name = "maft-plus"
    encoding: ClassVar[tuple[str, ...]] = (*MaskProposalMethod.encoding, "settings.mixed_cells")

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str | None = None,
        weights: str | Path | None = None,
        backbone: str | Path | None = None,
        **options: object,
    ) -> Self:
        """Load settings and weights.

        Args:
            preset: a name of `presets.MAFT_PLUS`.
            device: "auto" or a torch device.
            dtype: precision of CLIP's towers: "auto", "float32", "bfloat16".
            variant: "released", as the published weights were trained, or "paper" where its text
                differs; by default as those of the preset were.
            weights: file, folder or hub id of the checkpoint; what was published is offered by hand
                only.
            backbone: file, folder or hub id of CLIP, for heads without it.
            options: fields of `MaftPlusConfig`.

        Raises:
            UnknownNameError: no such preset, variant or option.
            WeightsNotFoundError: the weights are not on this machine.
            CheckpointError: the weights have no transfer.
        """
        chosen = look_up("preset", MAFT_PLUS, preset)
        variant = variant or chosen.variant
        settings = {**look_up("variant", VARIANTS, variant), **chosen.options, **options}
        config = override(MaftPlusConfig(), settings)
        model = _load_model(chosen, weights, backbone, device, dtype)
        model.require_transfer()
        parts = {
            "variant": variant,
            "weights": source_of(weights),
            "backbone": source_of(backbone),
        }
        return cls(model, config, Provenance(preset, parts, frozenset(options)))

    @property
    def extras(self) -> Mapping[str, bool]:
        """CLIP's cells, which the transfer looks at."""
        return {"cells": True, "mixed": self.config.mixed_cells}

    def log_probabilities(self, proposals: MaskProposals, texts: ClassTexts) -> Tensor:
        """CLIP decides between names; the decoder only says what has none."""
        model, counts = self.model, texts.counts
        own = class_logits(proposals.in_vocabulary, texts.rows, counts, model.decoder_scale)
        moved = model.transfer(texts.rows, proposals)
        clip = class_logits(proposals.out_vocabulary, moved, counts, model.clip_scale)
        void = void_probability(own, self.config.void_bias)
        return with_void(clip[:, :-1].log_softmax(dim=-1), void)


def _load_model(
    preset: Preset,
    weights: str | Path | None,
    backbone: str | Path | None,
    device: str,
    dtype: str,
) -> ProposalModel:
    source = preset.find(weights)
    model = load_proposal_model(
        source, device, dtype, backbone=backbone or preset.backbone, form=preset.form
    )
    model.name = str(source)
    return model
