"""Which names are in the picture: the published model has no word for "not here".

It was trained with names of what each picture shows, so an absent name gets masks like any other.
Either all names are taken to be there, as in the paper's protocol, or CLIP looks first, or SAM 2's
own object token speaks, which the release computes and ignores and an adapter can learn to use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.methods.openworldsam.config import ClipFilter
from lexiseg.scorers.dense_maps import DenseMaps, WindowConfig, encode_canvases, fit_canvas
from lexiseg.types import DenseScorer, rivals

CLIP_SCALE = 100.0  # cosines of CLIP become logits by this factor
NOTHING_ELSE = "background"  # where every word of the background is asked for


@dataclass(frozen=True)
class NameVerdict:
    """Whether a name is in the picture.

    Attributes:
        kept: it is.
        score: probability in [0, 1].
        reason: in words.
    """

    kept: bool
    score: float
    reason: str


def see_windows(
    scorer: DenseScorer, images: Sequence[NDArray[np.uint8]], settings: ClipFilter
) -> list[DenseMaps]:
    """Encode the windows of (H, W, 3) uint8 RGB pictures with CLIP."""
    windows = WindowConfig(settings.windows, settings.stride)
    return encode_canvases(
        scorer, [fit_canvas(image, settings.long_side) for image in images], windows
    )


@torch.no_grad()
def judge_by_clip(
    windows: DenseMaps, wordings: Sequence[Sequence[str]], settings: ClipFilter
) -> list[NameVerdict]:
    """A name stays if it speaks louder than the background in any window.

    Args:
        windows: of the picture.
        wordings: of each name; the loudest counts.
        settings: background and margin.
    """
    asked = [text for own in wordings for text in own]
    groups = [*wordings, rivals(settings.background, asked) or (NOTHING_ELSE,)]
    texts = windows.scorer.embed_texts([text for group in groups for text in group])
    cosines = torch.split(windows.image_scores(texts), [len(group) for group in groups], dim=1)
    loudest = torch.stack([group.amax(dim=1) for group in cosines], dim=1)
    margins = (loudest[:, :-1] - loudest[:, -1:]).amax(dim=0)
    chances = (CLIP_SCALE * margins).sigmoid()
    return [
        NameVerdict(
            margin > settings.min_margin,
            chance,
            f"CLIP's best window {'speaks for' if margin > settings.min_margin else 'refuses'} it "
            f"by {margin:+.3f}",
        )
        for margin, chance in zip(margins.tolist(), chances.tolist(), strict=True)
    ]


def judge_by_object(answers: Answers, names: Sequence[int], least: float) -> list[NameVerdict]:
    """A name stays if any of its queries found an object.

    Args:
        answers: of these names, among others.
        names: numbers of the names.
        least: probability of an object that one query must reach.

    Raises:
        UsageError: the segmenter has no object token.
    """
    if answers.object_logits is None:
        raise UsageError(
            'presence="learned" needs a segmenter with an object token, as SAM 2 has; give one or '
            'choose presence="none".'
        )
    chances = best_of(answers, answers.object_logits.sigmoid(), names)
    return [
        NameVerdict(
            chance >= least,
            chance,
            f"object score {chance:.2f} {'reaches' if chance >= least else 'is below'} {least:g}",
        )
        for chance in chances
    ]


def best_of(answers: Answers, values: Tensor, names: Sequence[int]) -> list[float]:
    """The largest value (N,) among the answers of each name."""
    return [float(values[answers.prompts == name].max()) for name in names]
