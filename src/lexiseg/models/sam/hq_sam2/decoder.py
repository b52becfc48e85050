"""HQ-SAM 2's mask decoder: SAM 2's with one more token that corrects every candidate.

Source: the extension of HQ-SAM (Ke et al. 2023) to SAM 2.1 by its authors. Unlike the first
HQ-SAM it reads no early features of the image encoder; the correction is drawn on the same fine
features as SAM 2's masks, refined by two convolutions.
"""

from __future__ import annotations

from torch import Tensor, nn
from transformers.models.sam2.configuration_sam2 import Sam2MaskDecoderConfig
from transformers.models.sam2.modeling_sam2 import Sam2FeedForward, Sam2MaskDecoder

from lexiseg.models.normalization import ChannelNorm
from lexiseg.models.sam.decoder import (
    CorrectedDecoder,
    DecoderImage,
    Informed,
    Sam2Decoder,
    refined_mask,
)
from lexiseg.models.sam.modules import HqSam2DecoderNetwork
from lexiseg.models.sam.upscale import draw_masks, fine_features, spread_out


class HqSam2MaskDecoder(Sam2MaskDecoder):
    """The weights: SAM 2's decoder, a token, its network and the refining convolutions.

    Args:
        config: of SAM 2's decoder.
    """

    def __init__(self, config: Sam2MaskDecoderConfig) -> None:
        super().__init__(config)
        width, fine = config.hidden_size, config.hidden_size // 8
        self.hq_token = nn.Embedding(1, width)
        self.hq_mask_mlp = Sam2FeedForward(width, width, fine, 3)
        self.mask_conv1 = nn.Conv2d(fine, 2 * fine, 3, padding=1)
        self.mask_norm = ChannelNorm(2 * fine)
        self.mask_conv2 = nn.Conv2d(2 * fine, fine, 3, padding=1)


class HqSam2Decoder(CorrectedDecoder, Sam2Decoder):
    """Runs `HqSam2MaskDecoder`: every candidate is SAM 2's mask plus the one correction.

    The scores are SAM 2's, so they do not know of the correction.
    """

    network: HqSam2DecoderNetwork

    def _finish(
        self, image: DecoderImage, seen: Informed, numbers: list[int]
    ) -> tuple[Tensor, Tensor]:
        *numbers, _ = numbers
        fine = fine_features(self.network, seen.features, image.skips)
        drawn = draw_masks(self._vectors(seen.tokens, numbers), fine, image.grid_hw)
        logits, chosen = self._settle(drawn, seen.scores[:, numbers], numbers)
        return logits + self._correction(
            seen.tokens[:, -1], spread_out(fine, image.grid_hw)
        ), chosen

    def _correction(self, token: Tensor, fine: Tensor) -> Tensor:
        """(P, 1, 4 h, 4 w) what the token adds to every candidate."""
        net = self.network
        refine = (net.mask_conv1, net.mask_norm, net.activation, net.mask_conv2)
        return refined_mask(net.hq_mask_mlp(token), fine, refine)
