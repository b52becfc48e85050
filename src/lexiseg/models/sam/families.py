"""The families whose networks transformers has: SAM, SAM-HQ, SAM 2, EdgeTAM, SAM 3's tracker."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from transformers.initialization import no_init_weights

from lexiseg.errors import MissingExtraError
from lexiseg.models.sam.decoder import HqDecoder, MaskDecoder, Sam2Decoder
from lexiseg.models.sam.modules import ImageEmbedder
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.models.sam.segmenter import Encoder, Segmenter
from lexiseg.models.side_files import blaming

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PARTS = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
# One tensor under two names; files may hold either or both.
TIED = ("shared_image_embedding.positional_embedding",
        "prompt_encoder.shared_embedding.positional_embedding")  # fmt: skip


@dataclass(frozen=True)
class Family:
    """How a kind of checkpoint becomes a segmenter.

    Args:
        name: for people.
        module: of transformers.
        config: class of its settings.
        model: class of its network.
        decoder: which of ours runs the mask decoder's weights.
        encoder: network and decoder -> pixels to feature maps.
        preprocessing: what holds where the preprocessor file is silent.
        renames: patterns and replacements for keys of files that hold more than this network.
    """

    name: str
    module: str
    config: str
    model: str
    decoder: Callable[[nn.Module], MaskDecoder]
    encoder: Callable[[nn.Module, Any], Encoder]
    preprocessing: Preprocessing
    renames: tuple[tuple[str, str], ...] = ()

    def build(
        self, settings: Mapping[str, object], device: str = "meta", origin: str = "config.json"
    ) -> PreTrainedModel:
        """The network without weights.

        Args:
            settings: the content of config.json.
            device: where its tensors lie.
            origin: what to call the file in messages.

        Raises:
            CheckpointError: the settings make no network.
            MissingExtraError: its image encoder needs a package that is not installed.
        """
        home = import_module(f"transformers.models.{self.module}")
        parts = cast(Mapping[str, object], settings.get("tracker_config") or settings)
        try:
            with blaming(origin, self.name), torch.device(device), no_init_weights():
                config = getattr(home, self.config)(**{part: parts.get(part) for part in PARTS})
                return cast("PreTrainedModel", getattr(home, self.model)(config))
        except ImportError as error:
            raise MissingExtraError(f"The image encoder of {self.name}", "edgetam") from error

    def fitting_state(
        self, network: PreTrainedModel, state: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Keep what single images need and write out tied tensors twice."""
        kept = {self._renamed(key): tensor for key, tensor in state.items()}
        patterns = network._keys_to_ignore_on_load_unexpected or ()
        ignored = re.compile("|".join(patterns)) if patterns else None
        kept = {key: t for key, t in kept.items() if not (ignored and ignored.search(key))}
        for one, other in (TIED, TIED[::-1]):
            if one in kept:
                kept.setdefault(other, kept[one])
        return kept

    def _renamed(self, key: str) -> str:
        for pattern, replacement in self.renames:
            key = re.sub(pattern, replacement, key)
        return key

    def assemble(self, network: nn.Module, preprocessing: Preprocessing, **about: str) -> Segmenter:
        """Put a filled network behind the interface.

        Args:
            network: filled; its prompt encoder is brought to float32.
            preprocessing: what the weights expect of pictures.
            about: `name` and `fingerprint` of the weights.
        """
        part = network.get_submodule
        decoder = self.decoder(part("mask_decoder"))
        prompts = PromptEncoder(part("prompt_encoder"), part("shared_image_embedding"))
        network.eval().requires_grad_(False)
        return Segmenter(self.encoder(network, decoder), prompts, decoder, preprocessing, **about)


def _sam_encoder(network: nn.Module, decoder: MaskDecoder) -> Encoder:
    see = network.get_submodule("vision_encoder")
    return lambda pixels: (see(pixels).last_hidden_state,)


def _hq_encoder(network: nn.Module, decoder: HqDecoder) -> Encoder:
    see = network.get_submodule("vision_encoder")

    def encode(pixels: Tensor) -> tuple[Tensor, ...]:
        seen = see(pixels)
        embedding, early = seen.last_hidden_state, seen.intermediate_embeddings[0]
        return decoder.detail_features(embedding, early), embedding

    return encode


def _sam2_encoder(network: nn.Module, decoder: MaskDecoder) -> Encoder:
    return lambda pixels: tuple(cast(ImageEmbedder, network).get_image_embeddings(pixels))


SAM2_FRAME = Preprocessing(keep_aspect=False)
SAM3_FRAME = Preprocessing(1008, False, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SAM3_KEYS = (
    (r"^tracker_model\.", ""),
    (r"^detector_model\.vision_encoder\.backbone\.", "vision_encoder.backbone."),
    (r"^tracker_neck\.", "vision_encoder.neck."),
)
FAMILIES: Mapping[str, Family] = {
    "sam": Family(
        "SAM", "sam", "SamConfig", "SamModel", MaskDecoder, _sam_encoder, Preprocessing()
    ),
    "sam_hq": Family(
        "SAM-HQ", "sam_hq", "SamHQConfig", "SamHQModel", HqDecoder, _hq_encoder, Preprocessing()
    ),
    "sam2": Family(
        "SAM 2", "sam2", "Sam2Config", "Sam2Model", Sam2Decoder, _sam2_encoder, SAM2_FRAME
    ),
    "edgetam": Family(
        "EdgeTAM", "edgetam", "EdgeTamConfig", "EdgeTamModel", Sam2Decoder, _sam2_encoder,
        SAM2_FRAME,
    ),
    "sam3_tracker": Family(
        "SAM 3 tracker", "sam3_tracker", "Sam3TrackerConfig", "Sam3TrackerModel", Sam2Decoder,
        _sam2_encoder, SAM3_FRAME, SAM3_KEYS,
    ),
}  # fmt: skip
# `model_type` of a config.json -> family. Video models hold the image model as a part.
MODEL_TYPES = {
    "sam": "sam",
    "sam_hq": "sam_hq",
    "sam2": "sam2",
    "sam2_video": "sam2",
    "edgetam": "edgetam",
    "edgetam_video": "edgetam",
    "sam3_tracker": "sam3_tracker",
    "sam3_tracker_video": "sam3_tracker",
    "sam3_video": "sam3_tracker",
}
