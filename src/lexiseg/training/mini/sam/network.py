"""The small SAM: sizes, a new network, and its answers to prompts in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.models.sam import SamConfig, SamModel, SamPromptEncoderConfig
from transformers.models.sam.modeling_sam import SamPositionalEmbedding

from lexiseg.models.sam.decoder import DecoderImage, Informed, MaskDecoder
from lexiseg.models.sam.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lexiseg.models.sam.prompts import PromptEncoder
from lexiseg.models.sam.upscale import corner_features, half_features
from lexiseg.training.mini.sam.prompts import Corner

SIDE = 256  # pixels of the input
SCORE_WIDTH = 128  # of the IoU head
ATTENTION = "eager"  # fused attention is slower backwards on processors: 40 ms against 7 a block


def sam_config(
    width: int = 192,
    layers: int = 6,
    heads: int = 3,
    patch: int = 8,
    channels: int = 128,
    window: int = 16,
    whole: tuple[int, ...] = (3,),
) -> SamConfig:
    """Sizes of the network.

    Args:
        width: of the encoder's blocks.
        layers: how many blocks.
        heads: of their attention.
        patch: side in pixels. With patches of 16 masks came out as coarse as the patches.
        channels: of the embedding and the decoder.
        window: side in patches within which a block attends.
        whole: numbers of the blocks that attend to the whole picture instead.
    """
    frame = {"image_size": SIDE, "patch_size": patch}
    vision = {
        **frame,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "output_channels": channels,
        "num_pos_feats": channels // 2,
        "use_rel_pos": False,
        "window_size": window,
        "global_attn_indexes": list(whole),
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
    kind: Any = SamModel  # whose maker is not typed
    network: SamModel = kind._from_config(config, attn_implementation=ATTENTION)
    nn.init.trunc_normal_(cast(Tensor, network.vision_encoder.pos_embed), std=0.02)
    for part in network.modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight)
    shape = network.shared_image_embedding.positional_embedding.shape
    frequencies = torch.randn(shape).half().float()
    for owner in _frequencies(network):
        owner.positional_embedding.data.copy_(frequencies)
    return network


def read_sam(folder: Path, device: torch.device | str = "cpu") -> SamModel:
    """A shipped network in full precision, to be trained further or to teach."""
    network: SamModel = SamModel.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, attn_implementation=ATTENTION
    )
    nn.Module.to(network, device)
    return network


def _frequencies(network: SamModel) -> tuple[SamPositionalEmbedding, SamPositionalEmbedding]:
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
    """The mask decoder with the single mask and the candidates in one pass.

    Args:
        network: as there.
        corner: row and column of the only cell to draw of every 2 x 2, which is a quarter of the
            work, or None for all.
    """

    def __init__(self, network: nn.Module, corner: Corner | None = None) -> None:
        super().__init__(network)
        self.corner = corner

    def _mask_numbers(self, multimask: bool, fallback: bool) -> list[int]:
        return list(range(1 + self.candidates))

    def _finish(
        self, image: DecoderImage, seen: Informed, numbers: list[int]
    ) -> tuple[Tensor, Tensor]:
        if self.corner is None:
            return super()._finish(image, seen, numbers)
        half = half_features(self.network, seen.features)
        fine = corner_features(self.network, half, self.corner).flatten(1, 2)
        logits = (fine @ self._vectors(seen.tokens, numbers).transpose(1, 2)).transpose(1, 2)
        height, width = image.grid_hw
        blocks = logits.reshape(*logits.shape[:2], height, width, 2, 2).transpose(3, 4)
        return blocks.reshape(*logits.shape[:2], 2 * height, 2 * width), seen.scores[:, numbers]


class PromptedSam:
    """Runs a `SamModel` with gradients, through the same decoder as at inference.

    Args:
        network: to train.
    """

    def __init__(self, network: SamModel) -> None:
        self.network = network
        for owner in _frequencies(network):
            owner.requires_grad_(False)
        self.prompts = PromptEncoder(network.prompt_encoder, network.shared_image_embedding)

    @property
    def cells(self) -> int:
        """Rows and columns on which masks come."""
        config = cast(SamPromptEncoderConfig, self.network.config.prompt_encoder_config)
        return 4 * int(config.image_embedding_size)

    def answer(
        self,
        pixels: Tensor,
        points: Tensor,
        boxes: Tensor,
        autocast: torch.autocast,
        corner: Corner | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Masks of clicks and boxes.

        Args:
            pixels: (B, 3, 256, 256) normalized.
            points: (B, C, 2).
            boxes: (B, X, 4).
            autocast: for all but the encoding of prompts, which needs its digits.
            corner: row and column of the only cell wanted of every 2 x 2, or None for all.

        Returns:
            (B, C + X, 4, s, s) float32 logits, the single mask first, and (B, C + X, 4) scores.
        """
        tokens = self._tokens(points, boxes)
        position, no_mask = self.prompts.position(), self.prompts.no_mask
        decoder = EveryMask(self.network.mask_decoder, corner)
        with autocast:
            maps = self.network.vision_encoder(pixels).last_hidden_state
            position, no_mask = position.to(maps.dtype), no_mask.to(maps.dtype)
            drawn = []
            for number, prompts in enumerate(tokens):
                image = decoder.prepare((maps[number : number + 1],), position, no_mask)
                drawn.append(decoder(image, prompts, None, multimask=True)[:2])
        logits, scores = (torch.stack(parts).float() for parts in zip(*drawn, strict=True))
        return logits, scores

    def _tokens(self, points: Tensor, boxes: Tensor) -> Tensor:
        """Two tokens each (B, C + X, 2, c): a click and its padding, or two corners of a box."""
        encode = self.prompts.network
        inside = torch.ones(points.shape[:2], device=points.device)
        clicked, _ = encode(points[:, :, None], inside[..., None], None, None)
        boxed, _ = encode(None, None, boxes, None)
        # None only where neither is given
        return torch.cat([cast(Tensor, clicked), cast(Tensor, boxed)], dim=1)
