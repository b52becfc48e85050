"""What the small SAM 2 is taught: the small SAM's lesson, and whether there is an object."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from lexiseg.training.mini.sam.loss import decoder_losses
from lexiseg.training.mini.sam.prompts import Prompted
from lexiseg.training.mini.sam2.network import PromptAnswers

OBJECT = 0.1  # weight of the object score


def mask_losses(answers: PromptAnswers, asked: Prompted, prompts: slice) -> dict[str, Tensor]:
    """Losses of masks and scores, as of the small SAM.

    Args:
        answers: to some prompts.
        asked: all prompts with their truth.
        prompts: which of them were answered.
    """
    device = answers.logits.device
    return decoder_losses(
        answers.logits.flatten(0, 1).flatten(2),
        answers.scores.flatten(0, 1),
        asked.truth[:, prompts].flatten(0, 1).flatten(2).to(device),
        asked.valid[:, prompts].flatten(0, 1).to(device),
        asked.drawn[:, prompts].flatten().to(device),
    )


def object_loss(there: Tensor, nothing: Tensor) -> Tensor:
    """Cross-entropy of object logits, those of objects and those of nothing counting alike."""
    losses = [
        binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
        for logits, target in ((there, 1.0), (nothing, 0.0))
    ]
    return OBJECT * torch.stack(losses).mean()
