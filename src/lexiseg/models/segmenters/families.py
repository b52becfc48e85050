"""The families whose networks transformers has: SAM, SAM-HQ, SAM 2, EdgeTAM and SAM 3's tracker."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lexiseg.errors import CheckpointError, MissingExtraError
from lexiseg.models.segmenters.decoder import HqDecoder, MaskDecoder, Sam2Decoder
from lexiseg.models.segmenters.preprocess import Preprocessing
from lexiseg.models.segmenters.prompts import PromptEncoder
from lexiseg.models.segmenters.segmenter import Encoder, Segmenter

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
        prefix: of the family's keys in files that hold more than it.
    """

    name: str
    module: str
    config: str
    model: str
    decoder: Callable[[nn.Module], MaskDecoder]
    encoder: Callable[[Any, Any], Encoder]
    preprocessing: Preprocessing
    prefix: str = ""

    def build(self, settings: Mapping[str, Any]) -> nn.Module:
        """The network without weights, on the meta device.

        Args:
            settings: the content of config.json.

        Raises:
            CheckpointError: the settings make no network.
            MissingExtraError: its backbone needs a package that is not installed.
        """

        home = __import__(f"transformers.models.{self.module}", fromlist=[self.config])
        try:
            config = getattr(home, self.config)(**{part: settings.get(part) for part in PARTS})
            with torch.device("meta"):
                return getattr(home, self.model)(config)  # type: ignore[no-any-return]
        except ImportError as error:
            raise MissingExtraError(self.name, "edgetam") from error
        except (TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
            raise CheckpointError(
                f"config.json describes no {self.name} network ({str(error).splitlines()[0]})."
            ) from error

    def fitting_state(self, network: Any, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Keep what belongs to single images and write out tied tensors twice."""
        own = {
            key.removeprefix(self.prefix): t
            for key, t in state.items()
            if key.startswith(self.prefix)
        }
        skipped = [re.compile(p) for p in network._keys_to_ignore_on_load_unexpected or ()]
        kept = {k: t for k, t in own.items() if not any(p.search(k) for p in skipped)}
        for one, other in (TIED, TIED[::-1]):
            if one in kept:
                kept.setdefault(other, kept[one])
        return kept

    def assemble(self, network: Any, preprocessing: Preprocessing, **about: str) -> Segmenter:
        """Put a filled network behind the interface.

        Args:
            network: filled; its prompt encoder is brought to float32.
            preprocessing: what the weights expect of pictures.
            about: `name` and `fingerprint` of the weights.
        """
        decoder = self.decoder(network.mask_decoder)
        prompts = PromptEncoder(network.prompt_encoder, network.shared_image_embedding)
        network.eval().requires_grad_(False)
        return Segmenter(self.encoder(network, decoder), prompts, decoder, preprocessing, **about)


def _sam_encoder(network: Any, decoder: MaskDecoder) -> Encoder:
    return lambda pixels: (network.vision_encoder(pixels).last_hidden_state,)


def _hq_encoder(network: Any, decoder: HqDecoder) -> Encoder:
    def encode(pixels: Tensor) -> tuple[Tensor, ...]:
        seen = network.vision_encoder(pixels)
        embedding, early = seen.last_hidden_state, seen.intermediate_embeddings[0]
        return decoder.detail_features(embedding, early), embedding

    return encode


def _sam2_encoder(network: Any, decoder: MaskDecoder) -> Encoder:
    return lambda pixels: tuple(network.get_image_embeddings(pixels))


_SAM2 = Preprocessing(keep_aspect=False)
FAMILIES: Mapping[str, Family] = {
    "sam": Family("SAM", "sam", "SamConfig", "SamModel", MaskDecoder, _sam_encoder,
                  Preprocessing()),
    "sam_hq": Family("SAM-HQ", "sam_hq", "SamHQConfig", "SamHQModel", HqDecoder, _hq_encoder,
                     Preprocessing()),
    "sam2": Family("SAM 2", "sam2", "Sam2Config", "Sam2Model", Sam2Decoder, _sam2_encoder, _SAM2),
    "edgetam": Family("EdgeTAM", "edgetam", "EdgeTamConfig", "EdgeTamModel", Sam2Decoder,
                      _sam2_encoder, _SAM2),
    "sam3_tracker": Family(
        "SAM 3's tracker", "sam3_tracker", "Sam3TrackerConfig", "Sam3TrackerModel", Sam2Decoder,
        _sam2_encoder, Preprocessing(1008, False, (0.5,) * 3, (0.5,) * 3), "tracker_model."
    ),
}  # fmt: skip
