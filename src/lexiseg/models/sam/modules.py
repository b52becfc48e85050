"""What is used of transformers' modules of SAM's kind, whose own types say little."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from torch import Tensor, nn

Layer = Callable[[Tensor], Tensor]


class TokenAttention(Protocol):
    """Attention; its last projection is `out_proj` or `o_proj`."""

    num_attention_heads: int
    scaling: float
    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear


class TwoWayLayer(Protocol):
    """A layer in which tokens and image inform each other."""

    skip_first_layer_pe: bool
    self_attn: TokenAttention
    cross_attn_token_to_image: TokenAttention
    cross_attn_image_to_token: TokenAttention
    layer_norm1: Layer
    layer_norm2: Layer
    layer_norm3: Layer
    layer_norm4: Layer
    mlp: Layer


class TwoWayNetwork(Protocol):
    """The `transformer` of a mask decoder."""

    layers: Iterable[TwoWayLayer]
    final_attn_token_to_image: TokenAttention
    layer_norm_final_attn: Layer


class Convolution(Protocol):
    """A convolution with a bias."""

    weight: Tensor
    bias: Tensor
    padding: tuple[int, int]

    def __call__(self, pixels: Tensor, /) -> Tensor:
        """Convolve (B, c, H, W)."""


class Upscaler(Protocol):
    """The part of a mask decoder that upscales the embedding."""

    upscale_conv1: Convolution
    upscale_layer_norm: nn.LayerNorm
    upscale_conv2: Convolution
    activation: Layer


class DecoderNetwork(Upscaler, Protocol):
    """A mask decoder."""

    transformer: TwoWayNetwork
    num_multimask_outputs: int
    hidden_size: int
    iou_token: nn.Embedding
    mask_tokens: nn.Embedding
    iou_prediction_head: Layer
    output_hypernetworks_mlps: Sequence[Layer]


class Sam2DecoderNetwork(DecoderNetwork, Protocol):
    """SAM 2's mask decoder."""

    obj_score_token: nn.Embedding
    pred_obj_score_head: Layer
    dynamic_multimask_via_stability: bool
    dynamic_multimask_stability_delta: float
    dynamic_multimask_stability_thresh: float


class CorrectedDecoderNetwork(DecoderNetwork, Protocol):
    """A mask decoder with one more token, and the layers that refine what it draws on."""

    hq_token: nn.Embedding
    hq_mask_mlp: Layer
    mask_conv1: Convolution
    mask_norm: Layer
    mask_conv2: Convolution


class HqDecoderNetwork(CorrectedDecoderNetwork, Protocol):
    """SAM-HQ's mask decoder, which also reads an early layer of the image encoder."""

    encoder_conv1: Layer
    encoder_norm: Layer
    encoder_conv2: Layer
    compress_vit_conv1: Layer
    compress_vit_norm: Layer
    compress_vit_conv2: Layer


class HqSam2DecoderNetwork(CorrectedDecoderNetwork, Sam2DecoderNetwork, Protocol):
    """`HqSam2MaskDecoder`."""


class PromptNetwork(Protocol):
    """A prompt encoder."""

    image_embedding_size: tuple[int, int]
    no_mask_embed: nn.Embedding
    mask_embed: Layer
    shared_embedding: Layer

    def __call__(
        self, points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, masks: None, /
    ) -> tuple[Tensor | None, Tensor]:
        """Tokens, None where neither points nor boxes are given, and an embedded mask."""


class ImageEmbedder(Protocol):
    """A network of SAM 2's kind."""

    def get_image_embeddings(self, pixels: Tensor, /) -> Iterable[Tensor]:
        """Feature maps, the finest first."""
