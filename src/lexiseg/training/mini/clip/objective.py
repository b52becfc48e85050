"""The training signal of one batch, put together from the losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.training.mini.clip.losses import (
    caption_loss,
    pool_tokens,
    shared_softmax_loss,
    sigmoid_loss,
)
from lexiseg.training.mini.clip.towers import Readings


@dataclass(frozen=True)
class Weights:
    """How much each part of the signal counts."""

    choice: float = 1.0  # CLS: softmax over names
    presence: float = 0.3  # CLS: yes or no per name
    mean: float = 0.5  # patch mean: softmax over names (what CAM asks)
    value: float = 0.5  # value path: yes or no per name, pooled over tokens
    caption: float = 0.25  # CLS: which caption of the batch


WEIGHTS = {"proposal": Weights(), "classifier": Weights(mean=0.0, value=0.25)}


@dataclass(frozen=True)
class NameLabels:
    """What captions say about a batch of B pictures, over W names."""

    present: Tensor  # (B, W) bool
    asked: Tensor  # (B, W) bool: the vocabulary drawn for each picture
    judged: Tensor  # (B, W) bool: names whose presence or absence is certain
    whole: Tensor  # (B,) bool: the picture is not visually prompted


class Objective(nn.Module):
    """Sum of the weighted losses; holds the offsets that only training needs."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self.presence_offset = nn.Parameter(torch.tensor(-5.0))
        self.value_scale = nn.Parameter(torch.tensor(2.3))
        self.value_offset = nn.Parameter(torch.tensor(-5.0))

    def forward(
        self,
        seen: Readings,
        names: Tensor,
        captions: Tensor | None,
        labels: NameLabels,
        scale: Tensor,
    ) -> dict[str, Tensor]:
        """Weighted losses by name.

        Args:
            seen: readings of the B pictures.
            names: (W, E) text features of all names.
            captions: (B, E) text features of one caption each, or None to leave them out.
            labels: what is present and asked.
            scale: exp(logit_scale).
        """
        names = F.normalize(names, dim=-1)
        cls = F.normalize(seen.cls, dim=-1)
        logits = scale * cls @ names.T
        judged = labels.judged
        parts = {
            "choice": shared_softmax_loss(logits, labels.present, labels.asked & judged),
            "presence": sigmoid_loss(logits + self.presence_offset, labels.present, judged),
        }
        if captions is not None:
            parts["caption"] = caption_loss(cls, F.normalize(captions, dim=-1), scale)
        if self.weights.mean:
            mean = scale * F.normalize(seen.mean, dim=-1) @ names.T
            parts["mean"] = shared_softmax_loss(mean, labels.present, labels.asked & judged)
        pooled = pool_tokens(F.normalize(seen.value, dim=-1) @ names.T)
        local = self.value_scale.exp() * pooled + self.value_offset
        parts["value"] = sigmoid_loss(local, labels.present, judged & labels.whole[:, None])
        return {name: getattr(self.weights, name) * loss for name, loss in parts.items()}
