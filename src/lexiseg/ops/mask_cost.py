"""What it costs to take a candidate for a true segment: the pair-wise losses of Mask2Former.

Binary cross entropy and Dice of every candidate with every segment, over all pixels rather than a
sample of them (Cheng et al. 2022, Section 3.3, and the matcher of its code). Since
``cross entropy(x, t) = softplus(x) - x t``, both are matrix products of the candidates with the
segments.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

CHUNK_VALUES = 2**25  # of candidates at full resolution that are held together: 128 MB
BLOCK = 4096  # pixels that are worked on while they are near the processor
FOLDS = 5  # times that factors are multiplied pairwise before their logarithm is taken


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
    true = segments.flatten(1)
    rows = [_costs(x, true) for x in full_size(logits, _size(segments))]
    if not rows:
        return (torch.zeros(0, len(segments), dtype=torch.float64),) * 2
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


def _costs(logits: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """As `mask_costs`, of (q, pixels) logits with (G, pixels) segments."""
    outer, inner = torch.zeros(2, len(logits), len(true), dtype=torch.float64)
    softplus, total = torch.zeros(2, len(logits), 1, dtype=torch.float64)
    areas = torch.zeros(len(true), dtype=torch.float64)
    for first in range(0, logits.shape[1], BLOCK):
        x = logits[:, first : first + BLOCK]
        inside, t = x.sigmoid(), true[:, first : first + BLOCK].float().T
        outer += x @ t
        inner += inside @ t
        total += inside.sum(dim=1, keepdim=True)
        areas += t.sum(dim=0)
        softplus += _softplus_sums(x, inside)
    entropy = (softplus - outer) / max(1, logits.shape[1])
    return entropy, 1 - (2 * inner + 1) / (total + areas + 1)


def _softplus_sums(x: Tensor, inside: Tensor) -> Tensor:
    """(q, 1) sums of softplus(x), where ``inside`` is sigmoid(x), which is overwritten.

    ``softplus(x) = max(x, 0) - log(max(sigmoid(x), sigmoid(-x)))``; the larger one is at least one
    half, so that products of a few keep their digits and few logarithms are taken.
    """
    larger = inside.sub_(0.5).abs_().add_(0.5)
    for _ in range(FOLDS):
        half = larger.shape[1] // 2
        if larger.shape[1] % 2:
            break
        larger = larger[:, :half] * larger[:, half:]
    return x.relu().sum(dim=1, keepdim=True) - larger.log_().sum(dim=1, keepdim=True)


def _size(segments: Tensor) -> tuple[int, int]:
    return (segments.shape[1], segments.shape[2])
