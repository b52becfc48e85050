"""Step B: a class stays if it speaks louder than the background in any window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.scene import Scene


@dataclass(frozen=True)
class Verdict:
    """What the windows say about one class.

    Attributes:
        kept: the class survives: it is louder than the background somewhere, by `min_margin`.
        similarity: image-text score in the window that speaks for it most.
        background: the background's score there.
        window: size, left and top of that window in pixels of the resized image.
    """

    kept: bool
    similarity: float
    background: float
    window: tuple[int, int, int]

    def __str__(self) -> str:
        size, left, top = self.window
        place = f"the {size}-px window at ({left}, {top})"
        numbers = f"{self.similarity:.2f} against background {self.background:.2f}"
        louder = self.similarity > self.background
        word = ("seen" if louder else "possible") if self.kept else "best"
        return f"{word} in {place}: {numbers}"


@torch.no_grad()
def judge_classes(scene: Scene, question: Question, config: TidesConfig) -> list[Verdict]:
    """Compare every class with the background in all windows.

    Args:
        scene: encoded image.
        question: classes and background.
        config: which image feature is asked, and by how much a class must be louder.

    Returns:
        A verdict per class; of equal windows the first decides.
    """
    wholes = scene.windows.image_scores(question.texts, unmodified=config.cls == "clip")
    scores = question.merge(wholes)
    margins, deciding = (scores[:, :-1] - scores[:, -1:]).max(dim=0)
    boxes = scene.windows.windows
    return [
        Verdict(
            bool(margin > config.min_margin),
            float(scores[window, index]),
            float(scores[window, -1]),
            _place(boxes[int(window)]),
        )
        for index, (margin, window) in enumerate(zip(margins.cpu(), deciding.cpu(), strict=True))
    ]


def class_probability(verdict: Verdict, temperature: float) -> float:
    """Probability of the class against the background in its window."""
    margin = temperature * (verdict.similarity - verdict.background)
    return float(Tensor.sigmoid(torch.tensor(margin)))


def _place(box_xyxy: tuple[int, int, int, int]) -> tuple[int, int, int]:
    left, top, right, bottom = box_xyxy
    return max(right - left, bottom - top), left, top
