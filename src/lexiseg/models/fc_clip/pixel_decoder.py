"""Mask2Former's pixel decoder, as transformers has it (Cheng et al. 2022, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lexiseg.models.conv_clip import Levels
from lexiseg.models.fc_clip.config import HeadConfig

if TYPE_CHECKING:
    from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoder


@dataclass(frozen=True)
class PixelFeatures:
    """What the mask decoder looks at.

    Attributes:
        mask: (B, D, H / 4, W / 4), whose dot products with mask embeddings are mask logits.
        scales: (B, D, H / s, W / s) for strides s of 32, 16 and 8.
    """

    mask: Tensor
    scales: tuple[Tensor, ...]


class PixelDecoder(nn.Module):
    """Deformable attention over three levels, and one step of a feature pyramid to stride 4.

    It computes in float32 whatever the precision around it.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.decoder = _transformers_decoder(config)

    def forward(self, levels: Levels) -> PixelFeatures:
        """Refine feature maps with strides of 4, 8, 16 and 32 pixels."""
        made = self.decoder([level.float() for level in levels], output_hidden_states=False)
        return PixelFeatures(made.mask_features, tuple(made.multi_scale_features))


def _transformers_decoder(config: HeadConfig) -> Mask2FormerPixelDecoder:
    from transformers import Mask2FormerConfig
    from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoder

    sizes = Mask2FormerConfig(
        feature_size=config.width,
        mask_feature_size=config.width,
        num_attention_heads=config.encoder_heads,
        encoder_layers=config.encoder_layers,
        encoder_feedforward_dim=config.encoder_hidden,
        feature_strides=[4, 8, 16, 32],
        common_stride=4,
        dropout=0.0,
    )
    return Mask2FormerPixelDecoder(sizes, list(config.channels))
