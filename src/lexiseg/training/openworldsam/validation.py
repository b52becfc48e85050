"""A look at held-out examples while an adapter learns, and which adapter was best so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.errors import LexisegError
from lexiseg.ops.assignment import assign
from lexiseg.training.openworldsam.batches import Asked, draw_texts
from lexiseg.training.openworldsam.examples import Examples
from lexiseg.training.openworldsam.objective import masks_on

if TYPE_CHECKING:
    from lexiseg.training.openworldsam.learner import AdapterLearner
    from lexiseg.training.openworldsam.networks import QueryAnswers


@dataclass(frozen=True)
class Figures:
    """What is measured on one picture.

    Attributes:
        matched: IoU of every object with the query that it is matched with, 0 where there are more
            objects than queries.
        chosen: for every text that means something, IoU of the query with the highest predicted
            IoU with its best object: what `refer` would answer.
        present: for every text that means something, its highest object logit; empty from decoders
            that do not say.
        absent: the same for texts that mean nothing.
    """

    matched: tuple[float, ...]
    chosen: tuple[float, ...]
    present: tuple[float, ...]
    absent: tuple[float, ...]


@dataclass(frozen=True)
class Validation:
    """Held-out examples, asked as at inference: all their names, the decoder's fallback on.

    Attributes:
        examples: held-out ones.
        most: how many of them are looked at, spread evenly.
    """

    examples: Examples
    most: int = 200

    @cached_property
    def places(self) -> list[int]:
        """Which examples are looked at."""
        count = min(self.most, len(self.examples))
        spread: NDArray[np.float64] = np.linspace(0, len(self.examples) - 1, count).round()
        return [int(place) for place in spread]

    def __call__(self, learner: AdapterLearner) -> dict[str, float]:
        """Measure an adapter as it is now."""
        learner.adapter.eval()
        found = [figures for place in self.places for figures in self._figures(learner, place)]
        learner.adapter.train()
        return summary(found)

    def _figures(self, learner: AdapterLearner, place: int) -> Sequence[Figures]:
        chance = np.random.default_rng((learner.config.seed, 2, place))
        try:
            example = self.examples[place]
            asked = draw_texts(example, replace(learner.config, prompts=None), chance)
            with torch.no_grad():
                return [picture_figures(learner.answers(asked, fallback=True), asked)]
        except LexisegError as error:
            learner.batches.left_out[f"held-out example {place}"] = str(error)
            return ()


def picture_figures(answers: QueryAnswers, asked: Asked) -> Figures:
    """Compare answers with the truth, at the size of the masks."""
    matched: list[float] = []
    chosen: list[float] = []
    present: list[float] = []
    absent: list[float] = []
    for place, masks in enumerate(asked.masks):
        if masks:
            ious = _ious(answers.logits[place], asked, place)
            rows, columns = assign(-ious)
            matched += [*ious[rows, columns].tolist(), *[0.0] * (len(masks) - len(rows))]
            chosen.append(float(ious[int(answers.scores[place].argmax())].max()))
        if answers.object_logits is not None:
            side = present if masks else absent
            side.append(float(answers.object_logits[place].max()))
    return Figures(tuple(matched), tuple(chosen), tuple(present), tuple(absent))


def _ious(logits: Tensor, asked: Asked, place: int) -> NDArray[np.float64]:
    """(K, n) IoU of the queries' masks with the objects of one text, at the masks' size."""
    truth = masks_on(asked.masks[place], asked.example.size_hw, logits.device)[None]
    small = torch.nn.functional.interpolate(truth, logits.shape[-2:], mode="nearest")[0].flatten(1)
    found = (logits.flatten(1) > 0).float()
    both = found @ small.T
    either = found.sum(dim=1)[:, None] + small.sum(dim=1)[None] - both
    ious: NDArray[np.float64] = (both / either.clamp(min=1)).double().cpu().numpy()
    return ious


def summary(found: Sequence[Figures]) -> dict[str, float]:
    """Means over all objects and texts of the examples, by the names of the curve."""
    matched = [iou for figures in found for iou in figures.matched]
    chosen = [iou for figures in found for iou in figures.chosen]
    present = [float(logit > 0) for figures in found for logit in figures.present]
    absent = [float(logit <= 0) for figures in found for logit in figures.absent]
    named = {"val_matched_iou": matched, "val_chosen_iou": chosen}
    if absent:
        named |= {"val_present_kept": present, "val_absent_refused": absent}
    return {name: fmean(values) for name, values in named.items() if values}


class BestAdapter:
    """Remembers the best figure on held-out examples."""

    def __init__(self) -> None:
        self.figure, self.step = float("-inf"), 0

    def is_better(self, figure: float, step: int) -> bool:
        """Take note of a figure; whether it is better than all before."""
        if not figure > self.figure:
            return False
        self.figure, self.step = figure, step
        return True

    def state_dict(self) -> dict[str, object]:
        """Everything a later `load_state_dict` needs."""
        return {"figure": self.figure, "step": self.step}

    def load_state_dict(self, state: dict[str, object], /) -> None:
        """Continue from a saved state."""
        self.figure, self.step = float(str(state["figure"])), int(str(state["step"]))
