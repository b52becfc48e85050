"""Attention that reads only a segment of the image, less what every segment shares.

Masked attention with global subtraction (Rewatbowornwong et al. 2023, section 3.2). Same interface
as `lexiseg.ops.attention`: query, key and value are (B, heads, tokens, head_dim), unscaled. All K
segments of an image go together; B is K, or 1 where their tokens are still the same, as in the
first masked block. Softmaxes are fused, so that no (tokens, tokens) matrix is ever kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.ops.attention import masked, plain

Saliency: TypeAlias = Literal["rows", "outputs", "head-outputs", "projected"]


@dataclass
class GlobalSubtraction:
    """Masked attention of K segments, minus a share of what CLS reads from the whole image.

    Every query, inside or outside the segment, reads the segment's keys and CLS, weighed by their
    share of the segment: softmax(x + log M). What CLS reads without the mask is then taken away
    from every token, the more so the less the mask leaves of the attention.

    Attributes:
        masks: (K, tokens) float in [0, 1], M: share of each token that is the segment's; 1 for CLS.
        sigma_squared: width of the weight over saliency; None subtracts nothing.
        saliency: what is compared with and without the mask: attention "rows", or attention
            "outputs" of all heads joined, "head-outputs" head by head, or "projected" outputs.
        project: joins the heads of (B, heads, tokens, head_dim) and applies the block's output
            projection; only "projected" asks for it.
        agreement: (K,) S of the latest call, -1 to 1.

    Example:
        >>> import torch
        >>> attend = GlobalSubtraction(torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.5]]))
        >>> q = k = v = torch.randn(1, 2, 3, 4)      # one image, two segments
        >>> attend(q, k, v).shape
        torch.Size([2, 2, 3, 4])
    """

    masks: Tensor
    sigma_squared: float | None = 2.5
    saliency: Saliency = "rows"
    project: Callable[[Tensor], Tensor] | None = None
    agreement: Tensor | None = field(default=None, init=False)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """The mixed values of every token, (K, heads, tokens, head_dim)."""
        return self.first_rows(query, key, value, query.shape[2])

    def first_rows(self, query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
        """The same for the first few tokens; saliency still regards them all.

        Returns:
            (K, heads, rows, head_dim).
        """
        wanted = query[:, :, :rows]
        if self.sigma_squared is None:
            return self._inside(wanted, key, value)
        if self.saliency == "rows":
            inside = self._inside(wanted, key, value)
            whole = plain(wanted[:, :, :1], key, value)
            self.agreement = row_agreement(query, key, self.masks)
        else:
            inside, whole = self._inside(query, key, value), plain(query, key, value)
            self.agreement = self._compare(whole, inside)
            inside, whole = inside[:, :, :rows], whole[:, :, :1]
        weight = subtraction_weight(self.agreement, self.sigma_squared).to(inside.dtype)
        return inside - weight[:, None, None, None] * whole

    def _inside(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        segments = len(self.masks)
        spread = (part.expand(segments, -1, -1, -1) for part in (query, key, value))
        return masked(self.masks.log()[:, None, None])(*spread)

    def _compare(self, whole: Tensor, inside: Tensor) -> Tensor:
        if self.saliency == "head-outputs":
            return _mean_cosine(whole, inside)
        if self.saliency == "projected":
            assert self.project is not None
            return _mean_cosine(self.project(whole), self.project(inside))
        return _mean_cosine(*(part.transpose(1, 2).flatten(2) for part in (whole, inside)))


def subtraction_weight(agreement: Tensor, sigma_squared: float) -> Tensor:
    """Share of the global attention to take away: exp(-(S + 1)^2 / (2 sigma^2)).

    Example:
        >>> import torch
        >>> subtraction_weight(torch.tensor([-1.0, 1.0]), 2.5)
        tensor([1.0000, 0.4493])
    """
    return torch.exp(-(agreement + 1).square() / (2 * sigma_squared))


def row_agreement(query: Tensor, key: Tensor, masks: Tensor) -> Tensor:
    """Mean cosine between attention rows without and with the mask.

    The masked row is p * M up to its length, so its cosine to p needs only sums over p^2 weighed by
    M and by M^2; and p^2 up to its length is the attention at twice the scale. One fused pass gives
    these sums for as many segments as the heads have columns.

    Args:
        query: (B, heads, tokens, head_dim), B either K or 1.
        key: same shape.
        masks: (K, tokens) in [0, 1].

    Returns:
        (K,) float32 in [0, 1], mean over heads and tokens.
    """
    columns = torch.stack([masks, masks.square()], dim=-1)  # (K, tokens, 2)
    if len(query) == 1:
        columns = columns.movedim(0, 1).flatten(1)[None]  # (1, tokens, 2 K)
    sums = _squared_attention(query, key, columns)
    overlap, length = sums[..., ::2], sums[..., 1::2]
    cosine = overlap / length.clamp_min(torch.finfo(torch.float32).tiny).sqrt()
    return cosine.mean(dim=(1, 2)).flatten()


def _squared_attention(query: Tensor, key: Tensor, columns: Tensor) -> Tensor:
    """Means of columns (B, tokens, C) under normalized squared attention weights.

    Fused kernels want values as wide as keys, so columns are padded or cut to that width.

    Returns:
        (B, heads, tokens, C) float32.
    """
    heads, width = query.shape[1], query.shape[3]
    parts = []
    for part in torch.split(columns.to(query.dtype), width, dim=-1):
        value = F.pad(part, (0, width - part.shape[-1]))[:, None].expand(-1, heads, -1, -1)
        mixed = F.scaled_dot_product_attention(query, key, value, scale=2 * width**-0.5)
        parts.append(mixed[..., : part.shape[-1]].float())
    return torch.cat(parts, dim=-1)


def _mean_cosine(whole: Tensor, inside: Tensor) -> Tensor:
    """Cosine along the last axis, averaged over all but the first, (K,) float32."""
    cosine = F.cosine_similarity(whole.float(), inside.float(), dim=-1)
    return cosine.flatten(1).mean(dim=1)
