"""What MAFT+ teaches CLIP: scores that tell good masks from bad ones, without forgetting.

Jiao et al. 2024, sections 3.2 and 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.training.mini.fc_clip.pictures import SegmentTruth

SCALES = (1, 2, 4)  # parts per side that a dense map is compared in
TINY = 1e-6


def mask_aware_loss(logits: Tensor, masks: Tensor, truths: Sequence[SegmentTruth]) -> Tensor:
    """How far CLIP's scores are from what the masks deserve (smooth L1).

    A candidate's score for the name of a segment is to be its IoU with that segment, where the
    best candidate of the segment counts 1 and the worst 0.

    Args:
        logits: (B, Q, C), CLIP's, without void.
        masks: (B, Q, h, w) logits; they learn nothing here.
        truths: of the B pictures.
    """
    scores = logits.softmax(dim=-1)
    seen, wanted = [], []
    for picture, truth in enumerate(truths):
        deserved = soft_iou(masks[picture].detach(), truth.masks)
        least, most = deserved.amin(dim=0), deserved.amax(dim=0)
        wanted.append(((deserved - least) / (most - least + TINY)).flatten())
        seen.append(scores[picture][:, truth.labels].flatten())
    return F.smooth_l1_loss(torch.cat(seen), torch.cat(wanted))


def soft_iou(logits: Tensor, truths: Tensor) -> Tensor:
    """IoU (Q, G) of masks that are unsure, given as logits (Q, h, w), with segments (G, H, W)."""
    small = F.interpolate(truths[:, None], logits.shape[1:], mode="area")[:, 0].flatten(1)
    probabilities = logits.sigmoid().flatten(1)
    both = probabilities @ small.T
    either = probabilities.sum(dim=1)[:, None] + small.sum(dim=1) - both
    return both / (either + TINY)


def compensation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """How far a dense map (B, C, h, w) has moved from that of the frozen CLIP (smooth L1).

    Maps are compared as means along rows and along columns, of the whole and of its parts.
    """
    pairs = zip(_strips(student.relu()), _strips(teacher.relu()), strict=True)
    return torch.stack([F.smooth_l1_loss(own, theirs) for own, theirs in pairs]).mean()


def _strips(dense: Tensor) -> Iterator[Tensor]:
    height, width = dense.shape[2:]
    for scale in SCALES:  # a part has a cell at least
        for rows in dense.tensor_split(min(scale, height), dim=2):
            for part in rows.tensor_split(min(scale, width), dim=3):
                yield part.mean(dim=2)
                yield part.mean(dim=3)
