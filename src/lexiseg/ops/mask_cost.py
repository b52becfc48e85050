"""What it costs to take a candidate for a true segment: the pair-wise losses of Mask2Former.

Binary cross entropy and Dice of every candidate with every segment, over all pixels rather than a
sample of them (Cheng et al. 2022, Section 3.3, and the matcher of its code). Since
``cross entropy(x, t) = softplus(x) - x t``, both are matrix products of the candidates with the
segments, taken a few candidates at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate, softplus

CHUNK_VALUES = 2**22  # of candidates at full resolution that are held together


def mask_costs(logits: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross entropy and Dice cost of every candidate with every segment.

    Args:
        logits: (Q, h, w) mask logits of the candidates, of any size; they are scaled to that of
            the segments.
        segments: (G, H, W) bool or float in [0, 1].

    Returns:
        Two (Q, G) float64: the cross entropy, mean over pixels, and
        ``1 - (2 sum(s t) + 1) / (sum s + sum t + 1)``.

    Example:
        >>> import torch
        >>> good = torch.tensor([[[9.0, -9.0]]])
        >>> entropy, dice = mask_costs(good, torch.tensor([[[True, False]], [[False, True]]]))
        >>> bool(entropy[0, 0] < 0.01), bool(dice[0, 1] > 0.6)
        (True, True)
    """
    true = segments.flatten(1).float().T.contiguous()
    areas = true.sum(dim=0, dtype=torch.float64)
    rows = [_costs(x, true, areas) for x in full_size(logits, _size(segments))]
    if not rows:
        return logits.new_zeros(0, len(segments)).double(), logits.new_zeros(0, len(segments))
    entropy, dice = zip(*rows, strict=True)
    return torch.cat(entropy), torch.cat(dice)


def full_size(logits: Tensor, size_hw: tuple[int, int]) -> Iterator[Tensor]:
    """Candidates at the size of the image, a few at a time.

    Args:
        logits: (Q, h, w).
        size_hw: height and width of the image in pixels.

    Yields:
        (q, H * W) float32, q of them together.
    """
    step = max(1, CHUNK_VALUES // max(1, size_hw[0] * size_hw[1]))
    for first in range(0, len(logits), step):
        yield scaled(logits[first : first + step], size_hw).flatten(1)


def scaled(logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """(Q, h, w) mask logits at another size (bilinear, corners not aligned), float32."""
    if tuple(logits.shape[-2:]) == tuple(size_hw):
        return logits.float()
    batch = logits[:, None].float()
    return interpolate(batch, size_hw, mode="bilinear", align_corners=False)[:, 0]


def _costs(logits: Tensor, true: Tensor, areas: Tensor) -> tuple[Tensor, Tensor]:
    """As `mask_costs`, of (q, pixels) logits with (pixels, G) segments and their areas."""
    pixels = max(1, logits.shape[1])
    entropy = softplus(logits).sum(dim=1, dtype=torch.float64)[:, None] - (logits @ true).double()
    inside = logits.sigmoid()
    overlap = (inside @ true).double()
    whole = inside.sum(dim=1, dtype=torch.float64)[:, None] + areas
    return entropy / pixels, 1 - (2 * overlap + 1) / (whole + 1)


def _size(segments: Tensor) -> tuple[int, int]:
    return (segments.shape[1], segments.shape[2])
