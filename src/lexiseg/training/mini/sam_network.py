"""The small SAM: sizes, a new network, and its answers to prompts in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.sam import SamConfig, SamModel

from lexiseg.models.segmenters.decoder import MaskDecoder
from lexiseg.models.segmenters.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lexiseg.models.segmenters.prompts import PromptEncoder

SIDE = 256  # pixels of the input
SCORE_WIDTH = 128  # of the IoU head


def sam_config(
    width: int = 256, layers: int = 6, heads: int = 4, patch: int = 16, channels: int = 128
) -> SamConfig:
    """Sizes of the network; every block attends to the whole picture, positions are absolute."""
    frame = {"image_size": SIDE, "patch_size": patch}
    vision = {
        **frame,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "output_channels": channels,
        "num_pos_feats": channels // 2,
        "use_rel_pos": False,
        "global_attn_indexes": list(range(layers)),
        "initializer_range": 0.02,
    }
    decoder = {
        "hidden_size": channels,
        "mlp_dim": 4 * channels,
        "num_attention_heads": 4,
        "iou_head_hidden_dim": SCORE_WIDTH,
    }
    return SamConfig(
        vision_config=vision,
        prompt_encoder_config={**frame, "hidden_size": channels},
        mask_decoder_config=decoder,
    )


def build_sam(config: SamConfig) -> SamModel:
    """A new network.

    The frequencies of positions and the learned tokens begin with standard deviation one, as in
    SAM's own program. The frequencies are exact in half precision, in which weights are shipped.
    """
    network: Any = SamModel(config)
    nn.init.trunc_normal_(network.vision_encoder.pos_embed, std=0.02)
    for part in network.modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight)
    shape = network.shared_image_embedding.positional_embedding.shape
    frequencies = torch.randn(shape).half().float()
    for owner in _frequencies(network):
        owner.positional_embedding.data.copy_(frequencies)
    built: SamModel = network
    return built


def read_sam(folder: Path) -> SamModel:
    """A shipped network in full precision, to be trained further."""
    network: SamModel = SamModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return network


def _frequencies(network: Any) -> tuple[Any, Any]:
    return network.shared_image_embedding, network.prompt_encoder.shared_embedding


def normalize(pixels: Tensor) -> Tensor:
    """From [0, 1] to what SAM's encoder expects."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(3, 1, 1)
        for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (pixels - mean) / std


def enlarge(logits: Tensor, cells: int) -> Tensor:
    """Logits (P, M, s, s) on a finer grid (P, M, cells, cells), as at inference."""
    return nn.functional.interpolate(logits, (cells, cells), mode="bilinear", align_corners=False)


class EveryMask(MaskDecoder):
    """The mask decoder with the single mask and the candidates in one pass."""

    def _mask_numbers(self, multimask: bool) -> list[int]:
        return list(range(1 + self.candidates))


class PromptedSam:
    """Runs a `SamModel` with gradients, through the same decoder as at inference.

    Args:
        network: to train.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        for owner in _frequencies(network):
            owner.requires_grad_(False)
        self.decoder = EveryMask(network.mask_decoder)
        self.prompts = PromptEncoder(network.prompt_encoder, network.shared_image_embedding)

    def answer(
        self, pixels: Tensor, points: Tensor, boxes: Tensor, autocast: torch.autocast
    ) -> tuple[Tensor, Tensor]:
        """Masks of clicks and boxes.

        Args:
            pixels: (B, 3, 256, 256) normalized.
            points: (B, C, 2).
            boxes: (B, X, 4).
            autocast: for all but the encoding of prompts, which needs its digits.

        Returns:
            (B, C + X, 4, s, s) float32 logits, the single mask first, and (B, C + X, 4) scores.
        """
        tokens = self._tokens(points, boxes)
        position, no_mask = self.prompts.position(), self.prompts.no_mask
        with autocast:
            maps = self.network.vision_encoder(pixels).last_hidden_state
            drawn = []
            for number, prompts in enumerate(tokens):
                image = self.decoder.prepare((maps[number : number + 1],), position, no_mask)
                drawn.append(self.decoder(image, prompts, None, multimask=True))
        logits, scores = (torch.stack(parts).float() for parts in zip(*drawn, strict=True))
        return logits, scores

    def _tokens(self, points: Tensor, boxes: Tensor) -> Tensor:
        """Two tokens each (B, C + X, 2, c): a click and its padding, or two corners of a box."""
        encode = self.prompts.network
        inside = torch.ones(points.shape[:2], device=points.device)
        clicked = encode(points[:, :, None], inside[..., None], None, None)[0]
        return torch.cat([clicked, encode(None, None, boxes, None)[0]], dim=1)
