"""What the mask decoder says of all queries, and bringing it to the picture's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PIXELS_AT_ONCE = 2**22  # of full-size masks alive at a time: 16 MB, which the allocator keeps


@dataclass(frozen=True)
class Answers:
    """N answers about one picture.

    Attributes:
        logits: (N, h, w) float, positive inside, over the whole picture at low resolution.
        scores: (N,) float32 in (0, 1), the IoU that the decoder expects of each mask.
        prompts: (N,) int64, number of the name or sentence that each belongs to.
        size_hw: height and width of the picture in pixels.
        object_logits: (N,) float32, positive where SAM 2 finds any object; None if it does not say.
    """

    logits: Tensor
    scores: Tensor
    prompts: Tensor
    size_hw: tuple[int, int]
    object_logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: Tensor) -> Answers:
        """Some of them, by index or bool."""
        objects = None if self.object_logits is None else self.object_logits[chosen]
        logits, scores, prompts = self.logits[chosen], self.scores[chosen], self.prompts[chosen]
        return Answers(logits, scores, prompts, self.size_hw, objects)

    def full_size(self) -> Iterator[tuple[slice, Tensor]]:
        """Logits (n, H, W) float32 at the picture's size, a few answers at a time."""
        height, width = self.size_hw
        step = max(1, PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield part, enlarge(self.logits[part], self.size_hw)

    def binary(self) -> Tensor:
        """(N, H, W) bool masks at the picture's size."""
        masks = torch.empty(len(self), *self.size_hw, dtype=torch.bool, device=self.logits.device)
        for part, logits in self.full_size():
            masks[part] = logits > 0
        return masks


def join(parts: Sequence[Answers]) -> Answers:
    """Answers about one picture in one piece; at least one part."""
    objects = [part.object_logits for part in parts if part.object_logits is not None]
    return Answers(
        torch.cat([part.logits for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.prompts for part in parts]),
        parts[0].size_hw,
        torch.cat(objects) if objects else None,
    )


def enlarge(logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Resize (n, h, w) bilinearly to (n, H, W) float32, as the released code does."""
    return F.interpolate(logits[None].float(), size_hw, mode="bilinear", align_corners=False)[0]
