"""Sizes of HQ-SAM 2.1: those of SAM 2.1 (Ravi et al. 2024) on Hiera (Ryali et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transformers.models.sam2.configuration_sam2 import Sam2Config


@dataclass(frozen=True)
class HqSam2Config:
    """SAM 2.1's image half; the defaults of the lower part hold for all published sizes.

    Width and heads double from stage to stage; the image sides halve.
    """

    width: int  # of the first stage
    heads: int  # likewise
    depths: tuple[int, ...]
    windows: tuple[int, ...]
    global_blocks: tuple[int, ...]  # blocks without windows, counted through all stages
    position_side: int  # rows and columns of the coarse position table
    frame: int = 1024
    neck_width: int = 256
    decoder_heads: int = 8
    mlp_width: int = 2048
    mask_channels: int = 16
    score_width: int = 256

    @property
    def widths(self) -> list[int]:
        """Channels of each stage."""
        return [self.width * 2**stage for stage in range(len(self.depths))]

    def to_huggingface(self) -> Sam2Config:
        """The same sizes as transformers wants them."""
        frame = {"image_size": self.frame, "patch_size": 16}
        return Sam2Config(
            vision_config={
                "backbone_config": self._hiera(),
                "backbone_channel_list": self.widths[::-1],
                "backbone_feature_sizes": [[self.frame // step] * 2 for step in (4, 8, 16)],
                "fpn_hidden_size": self.neck_width,
            },
            prompt_encoder_config={
                **frame,
                "hidden_size": self.neck_width,
                "mask_input_channels": self.mask_channels,
            },
            mask_decoder_config={
                "hidden_size": self.neck_width,
                "num_attention_heads": self.decoder_heads,
                "mlp_dim": self.mlp_width,
                "iou_head_hidden_dim": self.score_width,
            },
        )

    def _hiera(self) -> dict[str, object]:
        return {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": self.width,
            "num_attention_heads": self.heads,
            "image_size": [self.frame, self.frame],
            "window_positional_embedding_background_size": [self.position_side] * 2,
            "blocks_per_stage": list(self.depths),
            "embed_dim_per_stage": self.widths,
            "num_attention_heads_per_stage": [self.heads * 2**s for s in range(len(self.depths))],
            "window_size_per_stage": list(self.windows),
            "global_attention_blocks": list(self.global_blocks),
        }


HQ_SAM2: Mapping[str, HqSam2Config] = {
    "large": HqSam2Config(144, 2, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), 7),
}
