"""SAM's prompt encoder and mask decoder behind an image encoder of another kind.

MobileSAM and EfficientViT-SAM are made so. Their files keep SAM's own key layout and travel
outside the hub, each under one well-known name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers.initialization import no_init_weights
from transformers.models.sam.configuration_sam import SamConfig, SamMaskDecoderConfig
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder

from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.hub import PublishedFile
from lexiseg.models.normalization import fold_batch_norms
from lexiseg.models.sam.decoder import MaskDecoder
from lexiseg.models.sam.loading import place
from lexiseg.models.sam.preprocess import Preprocessing
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.models.sam.sam_keys import prompting_to_huggingface
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.weights import fingerprint, load_strictly, read_state

Assembly = Callable[[Mapping[str, Tensor], str, torch.device, torch.dtype], Segmenter]
PROMPTING = ("prompt_encoder.", "mask_decoder.")


@dataclass(frozen=True)
class PromptingConfig:
    """Sizes of a prompt encoder and a mask decoder; the defaults are SAM's.

    Args:
        frame: side in pixels of the square that prompts refer to.
        grid: rows and columns of the image embedding.
        width: its channels.
        mask_channels: hidden channels for mask prompts.
        heads: of every attention.
        mlp_width: hidden width of the transformer's networks.
        candidates: masks for one prompt.
        score_width: hidden width of the network that predicts IoU.
        eps: of the transformer's normalizations, which no file tells; SAM keeps torch's default.
    """

    frame: int = 1024
    grid: int = 64
    width: int = 256
    mask_channels: int = 16
    heads: int = 8
    mlp_width: int = 2048
    candidates: int = 3
    score_width: int = 256
    eps: float = 1e-5

    def to_huggingface(self) -> SamConfig:
        """The same sizes as transformers wants them."""
        frame = {"image_size": self.frame, "patch_size": self.frame // self.grid}
        return SamConfig(
            vision_config={
                **frame, "output_channels": self.width, "num_pos_feats": self.width // 2,
            },
            prompt_encoder_config={
                **frame, "hidden_size": self.width, "mask_input_channels": self.mask_channels,
            },
            mask_decoder_config={
                "hidden_size": self.width,
                "num_attention_heads": self.heads,
                "mlp_dim": self.mlp_width,
                "num_multimask_outputs": self.candidates,
                "iou_head_hidden_dim": self.score_width,
                "layer_norm_eps": self.eps,
            },
        )  # fmt: skip


class SamVariant(nn.Module):
    """All weights of such a network; keys are transformers' but for the image encoder's.

    Args:
        image_encoder: pixels (1, 3, S, S) to features (1, width, grid, grid).
        prompting: sizes of the rest.
    """

    def __init__(self, image_encoder: nn.Module, prompting: PromptingConfig) -> None:
        super().__init__()
        config = prompting.to_huggingface()
        self.image_encoder = image_encoder
        self.prompt_encoder = SamPromptEncoder(config)
        self.mask_decoder = SamMaskDecoder(cast(SamMaskDecoderConfig, config.mask_decoder_config))
        self.mask_decoder.transformer.layer_norm_final_attn.eps = prompting.eps

    def segmenter(
        self,
        preprocessing: Preprocessing,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        fold: bool = True,
    ) -> Segmenter:
        """Put the filled network behind the common interface.

        Args:
            preprocessing: what the image encoder expects.
            device: where it runs.
            dtype: precision of image encoder and decoder; prompts are encoded in float32.
            fold: merge batch normalizations into the convolutions before them, which leaves the
                result as it is and makes the encoder faster.
        """
        self.eval().requires_grad_(False)
        if fold:
            fold_batch_norms(self.image_encoder)
        place(self, torch.device(device), dtype)
        # Pixel by pixel in memory: the encoders go to and fro between convolutions and layers on
        # the last axis; in 16 bits this halves their time on a processor.
        self.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Segmenter(
            self._encode,
            PromptEncoder(self.prompt_encoder),
            MaskDecoder(self.mask_decoder),
            preprocessing,
        )

    def _encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return (self.image_encoder(pixels.contiguous(memory_format=torch.channels_last)),)


def fill_variant(
    image_encoder: Callable[[], nn.Module],
    prompting: PromptingConfig,
    state: Mapping[str, Tensor],
    origin: str,
) -> SamVariant:
    """Build a network and fill it with the tensors of a published file.

    Args:
        image_encoder: builds the encoder; its keys stand below ``image_encoder.`` in the file.
        prompting: sizes of the rest.
        state: key -> tensor in SAM's layout.
        origin: what to call the file in messages.

    Raises:
        CheckpointError: keys or shapes do not fit.
    """
    with torch.device("meta"), no_init_weights():
        network = SamVariant(image_encoder(), prompting)
    others = {key: tensor for key, tensor in state.items() if not key.startswith(PROMPTING)}
    fitting = {**others, **prompting_to_huggingface(state)}
    load_strictly(network, fitting, origin, torch.float32)
    return network


@dataclass(frozen=True)
class PublishedSegmenter(PublishedFile):
    """Loads a segmenter of which only such a file is published.

    Args:
        assemble: tensors, what to call them in messages, device and precision -> segmenter.

    Example:
        >>> sam = load_mobile_sam(weights="mobile_sam.pt")                 # doctest: +SKIP
        >>> embedding = sam.encode(image)                                  # doctest: +SKIP
        >>> answer = sam.predict(embedding, points=[[[120.0, 80.0]]])      # doctest: +SKIP
    """

    assemble: Assembly

    def __call__(
        self,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        weights: str | Path | None = None,
        *,
        revision: str | None = None,
        download: bool = False,
    ) -> Segmenter:
        """Load it.

        Args:
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            weights: the file, or the same tensors as .safetensors, or a hub id that holds them.
            revision: branch, tag or commit, for a hub id.
            download: allow fetching from the hub.

        Raises:
            WeightsNotFoundError: not given or nowhere; the message says where to get them.
            CheckpointError: they do not fit.
        """
        path = self.find(weights, revision, download)
        state, chosen = read_state(path), choose_device(device)
        segmenter = self.assemble(state, str(path), chosen, choose_dtype(dtype, chosen))
        segmenter.name, segmenter.fingerprint = self.name, fingerprint(path)
        return segmenter
