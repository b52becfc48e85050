"""Mask decoders of SAM's kind: tokens in, candidate masks and their expected IoU out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from lexiseg.models.sam.modules import (
    Convolution,
    CorrectedDecoderNetwork,
    DecoderNetwork,
    HqDecoderNetwork,
    Layer,
    Sam2DecoderNetwork,
)
from lexiseg.models.sam.two_way import SharedImage, SplitPrompts, TwoWay
from lexiseg.models.sam.upscale import draw_masks, fine_features, nest, spread_out
from lexiseg.ops.token_sums import TokenSums


@dataclass(frozen=True)
class DecoderImage:
    """One image, prepared for any number of prompts.

    Args:
        shared: what the first layer needs of it.
        plain: (1, N, C) the embedding without any mask prompt.
        grid_hw: rows and columns of the embedding.
        skips: finer maps in the order of `upscale.nest`, or None.
        detail: (1, c, 4 h, 4 w) features of a high-quality head, or None.
    """

    shared: SharedImage
    plain: Tensor
    grid_hw: tuple[int, int]
    skips: tuple[Tensor, Tensor] | None = None
    detail: Tensor | None = None


class Informed(NamedTuple):
    """What tokens and image are once they know of each other.

    Attributes:
        tokens: (P, M, C) of the masks that are drawn.
        features: (P, N, C) of the image.
        scores: (P, all masks) expected IoU.
    """

    tokens: Tensor
    features: Tensor
    scores: Tensor


class Drawn(NamedTuple):
    """What a decoder answers.

    Attributes:
        logits: (P, M, 4 h, 4 w) masks.
        scores: (P, M) expected IoU.
        object_logits: (P, 1) of there being an object at all; None from families that do not say.
    """

    logits: Tensor
    scores: Tensor
    object_logits: Tensor | None


class MaskDecoder:
    """SAM's mask decoder (Kirillov et al. 2023, appendix A).

    Args:
        network: transformers' decoder module; it holds the weights.

    With several candidates wanted, the mask of the single-mask token is not drawn.
    """

    network: DecoderNetwork

    def __init__(self, network: nn.Module) -> None:
        self.network = cast(DecoderNetwork, network)
        self.transformer = TwoWay(self.network.transformer)
        self.candidates = int(self.network.num_multimask_outputs)

    def prepare(self, maps: tuple[Tensor, ...], position: Tensor, no_mask: Tensor) -> DecoderImage:
        """Compute what depends on the image alone.

        Args:
            maps: the embedding (1, C, h, w), which stands last, after the family's other maps.
            position: (1, C, h, w) encoding of its positions.
            no_mask: (C,) what is added where no mask is given.
        """
        plain, places = (rows(tensor) for tensor in (maps[-1], position))
        shared = self.transformer.share(plain + no_mask, places)
        height, width = maps[-1].shape[-2:]
        return DecoderImage(shared, plain, (height, width))

    def output_tokens(self) -> Tensor:
        """(T, C) the learned tokens that stand before those of the prompt, `score_index` first."""
        return torch.cat([self.network.iou_token.weight, self.network.mask_tokens.weight])

    score_index = 0  # of the token that predicts IoU; the mask tokens follow it

    @property
    def numbers_per_position(self) -> int:
        """About how many numbers one prompt keeps alive for each position of the embedding."""
        return 8 * int(self.network.hidden_size)

    def __call__(
        self,
        image: DecoderImage,
        sparse: Tensor | TokenSums,
        dense: Tensor | None,
        multimask: bool,
        fallback: bool = True,
    ) -> Drawn:
        """Answer P prompts.

        Args:
            image: from `prepare`.
            sparse: (P, T, C) tokens of points and boxes, or any others, or sums of such.
            dense: (P, C, h, w) embedded mask prompts, or None.
            multimask: several candidates for each prompt, or one.
            fallback: a single mask may give way to a better one, if the family does so.
        """
        numbers = self._mask_numbers(multimask, fallback)
        learned = self.output_tokens()
        sparse = sparse.to(learned.dtype)
        split = SplitPrompts(learned, sparse) if isinstance(sparse, TokenSums) else None
        given = sparse.whole() if isinstance(sparse, TokenSums) else sparse
        prompts = torch.cat([learned.expand(len(given), -1, -1), given], dim=1)
        own_image = None if dense is None else image.plain + rows(dense)
        first = self.score_index
        wanted = [*range(first + 1), *(first + 1 + n for n in numbers)]
        tokens, features = self.transformer(prompts, image.shared, wanted, own_image, split)
        scores = self.network.iou_prediction_head(tokens[:, first])
        seen = Informed(tokens[:, first + 1 :], features, scores)
        return Drawn(*self._finish(image, seen, numbers), self._object_logits(tokens))

    def _object_logits(self, tokens: Tensor) -> Tensor | None:
        """Of the tokens that stand before the masks'."""
        return None

    def _mask_numbers(self, multimask: bool, fallback: bool) -> list[int]:
        """Mask tokens to draw: number 0 is the single mask."""
        return list(range(1, 1 + self.candidates)) if multimask else [0]

    def _finish(
        self, image: DecoderImage, seen: Informed, numbers: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Masks and scores of the chosen mask tokens."""
        fine = fine_features(self.network, seen.features, image.skips)
        logits = draw_masks(self._vectors(seen.tokens, numbers), fine, image.grid_hw)
        return logits, seen.scores[:, numbers]

    def _vectors(self, tokens: Tensor, numbers: list[int]) -> Tensor:
        """(P, M, c): each token through the small network of its number."""
        networks = self.network.output_hypernetworks_mlps
        drawn = [networks[n](tokens[:, place]) for place, n in enumerate(numbers)]
        return torch.stack(drawn, dim=1)


class Sam2Decoder(MaskDecoder):
    """SAM 2's mask decoder: an object token in front and two finer maps (Ravi et al. 2024).

    A single mask that is not stable gives way to the best of the three, if the weights say so.
    """

    network: Sam2DecoderNetwork
    score_index = 1

    def prepare(self, maps: tuple[Tensor, ...], position: Tensor, no_mask: Tensor) -> DecoderImage:
        """Compute what depends on the image alone.

        Args:
            maps: (1, C / 8, 4 h, 4 w), (1, C / 4, 2 h, 2 w) and (1, C, h, w).
            position: (1, C, h, w).
            no_mask: (C,).
        """
        prepared = super().prepare(maps, position, no_mask)
        fine, half = (nest(tensor, prepared.grid_hw) for tensor in maps[:2])
        return DecoderImage(prepared.shared, prepared.plain, prepared.grid_hw, (half, fine))

    def output_tokens(self) -> Tensor:
        """(T, C): object, IoU and masks."""
        return torch.cat([self.network.obj_score_token.weight, super().output_tokens()])

    def _object_logits(self, tokens: Tensor) -> Tensor | None:
        return self.network.pred_obj_score_head(tokens[:, 0])

    def _mask_numbers(self, multimask: bool, fallback: bool) -> list[int]:
        if not multimask and fallback and self.network.dynamic_multimask_via_stability:
            return [0, *super()._mask_numbers(True, fallback)]
        return super()._mask_numbers(multimask, fallback)

    def _finish(
        self, image: DecoderImage, seen: Informed, numbers: list[int]
    ) -> tuple[Tensor, Tensor]:
        logits, chosen = super()._finish(image, seen, numbers)
        return self._settle(logits, chosen, numbers)

    def _settle(self, logits: Tensor, scores: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """Decide what the single mask is, where it is drawn together with the candidates."""
        if numbers[0] != 0 or len(numbers) == 1:
            return logits, scores
        best = scores[:, 1:].argmax(dim=1) + 1
        pick = best.where(~self._is_stable(logits[:, 0]), 0)[:, None]
        return logits.take_along_dim(pick[..., None, None], 1), scores.take_along_dim(pick, 1)

    def _is_stable(self, logits: Tensor) -> Tensor:
        """(P,) bool: the mask hardly changes with the threshold."""
        delta = self.network.dynamic_multimask_stability_delta
        inner = (logits > delta).flatten(1).sum(dim=1)
        outer = (logits > -delta).flatten(1).sum(dim=1)
        ratio = torch.where(outer > 0, inner / outer, 1.0)
        return ratio >= self.network.dynamic_multimask_stability_thresh


class CorrectedDecoder(MaskDecoder):
    """A decoder with one more token, which corrects all candidates (Ke et al. 2023)."""

    network: CorrectedDecoderNetwork

    @property
    def numbers_per_position(self) -> int:
        """About how many numbers one prompt keeps alive for each position of the embedding."""
        return 24 * int(self.network.hidden_size)

    def output_tokens(self) -> Tensor:
        """(T, C): those of the decoder without correction, then the correcting token."""
        return torch.cat([super().output_tokens(), self.network.hq_token.weight])

    def _mask_numbers(self, multimask: bool, fallback: bool) -> list[int]:
        """The correcting token follows those of the single mask and the candidates."""
        return [*super()._mask_numbers(multimask, fallback), self.candidates + 1]


class HqDecoder(CorrectedDecoder):
    """HQ-SAM's decoder: SAM's, plus one token that corrects all candidates (Ke et al. 2023).

    Candidates are ordered by score. The finer features are those that the transformer returns, as
    in the published program; `transformers.SamHQModel` (5.23) upscales the embedding from before
    the transformer, transposed, and so draws other masks from the same weights.
    """

    network: HqDecoderNetwork

    def prepare(self, maps: tuple[Tensor, ...], position: Tensor, no_mask: Tensor) -> DecoderImage:
        """Compute what depends on the image alone.

        Args:
            maps: (1, c, 4 h, 4 w) detail from `detail_features`, then the embedding (1, C, h, w).
            position: (1, C, h, w).
            no_mask: (C,).
        """
        prepared = super().prepare(maps, position, no_mask)
        return DecoderImage(prepared.shared, prepared.plain, prepared.grid_hw, detail=maps[0])

    def detail_features(self, embedding: Tensor, early: Tensor) -> Tensor:
        """Fuse the embedding (1, C, h, w) with an early layer's features (1, h, w, D)."""
        net = self.network
        coarse = net.activation(net.encoder_norm(net.encoder_conv1(embedding)))
        first = net.compress_vit_conv1(early.permute(0, 3, 1, 2).contiguous())
        early_fine = net.compress_vit_conv2(net.activation(net.compress_vit_norm(first)))
        return net.encoder_conv2(coarse) + early_fine

    def _finish(
        self, image: DecoderImage, seen: Informed, numbers: list[int]
    ) -> tuple[Tensor, Tensor]:
        *numbers, _ = numbers
        fine = fine_features(self.network, seen.features, image.skips)
        logits = draw_masks(self._vectors(seen.tokens, numbers), fine, image.grid_hw)
        order = seen.scores[:, numbers].argsort(dim=1, descending=True, stable=True)
        scores = seen.scores[:, numbers].take_along_dim(order, 1)
        logits = logits.take_along_dim(order[..., None, None], 1)
        return logits + self._correction(image, seen.tokens[:, -1], fine), scores

    def _correction(self, image: DecoderImage, token: Tensor, fine: Tensor) -> Tensor:
        """(P, 1, 4 h, 4 w) what the correcting token adds to every candidate."""
        net = self.network
        vectors = net.hq_mask_mlp(token)
        refine = (net.mask_conv1, net.mask_norm, net.activation, net.mask_conv2)
        drawn = refined_mask(vectors, spread_out(fine, image.grid_hw), refine)
        if image.detail is None:
            return drawn
        return drawn + torch.einsum("pc,chw->phw", vectors, image.detail[0])[:, None]


def refined_mask(
    vectors: Tensor, fine: Tensor, refine: tuple[Layer, Layer, Layer, Convolution]
) -> Tensor:
    """The mask of one token per prompt on refined features.

    The last convolution and the product with the token's vector are both linear, so each prompt
    is convolved with its own single kernel instead of with c of them.

    Args:
        vectors: (P, c).
        fine: (P, c, H, W).
        refine: convolution, normalization, activation and last convolution.

    Returns:
        (P, 1, H, W).
    """
    first, norm, activation, last = refine
    hidden = activation(norm(first(fine)))
    kernels = torch.einsum("pc,cdyx->pdyx", vectors, last.weight)
    offset = vectors @ last.bias
    joined = hidden.reshape(1, -1, *hidden.shape[-2:])
    drawn = nn.functional.conv2d(joined, kernels, padding=last.padding, groups=len(vectors))
    return drawn[0][:, None] + offset[:, None, None, None]


def rows(tensor: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h * w, C)."""
    return tensor.flatten(2).transpose(1, 2)
