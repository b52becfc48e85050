"""Questions to segmenters of SAM's family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor

from lexiseg.models.sam import AutomaticMasks, load_segmenter
from lexiseg.models.sam.segmenter import Segmenter
from lexiseg.models.verify.subject import Question, Subject, flat
from lexiseg.types import Candidates, ImageEmbedding


@cache
def _segmenter(path: Path) -> Segmenter:
    return load_segmenter(path, "cpu", "float32")


@cache
def _embedding(path: Path, file: bytes, shape: tuple[int, ...]) -> ImageEmbedding:
    return _segmenter(path).encode(np.frombuffer(file, np.uint8).reshape(shape))


def _candidates(subject: Subject, multimask: bool = True, mask: Tensor | None = None) -> Candidates:
    """Masks for the points and the box of a question, and a mask of an earlier answer."""
    (picture,) = subject.pictures
    segmenter = _segmenter(subject.path)
    embedding = _embedding(subject.path, picture.tobytes(), picture.shape)
    asked = subject.inputs
    return segmenter.predict(
        embedding,
        points=[asked["points"]] if "points" in asked else None,
        labels=[asked["labels"]] if "labels" in asked else None,
        boxes=[asked["box"]] if "box" in asked else None,
        masks=None if mask is None else mask[None],
        multimask=multimask,
    )


def _scores(subject: Subject) -> list[float]:
    return flat(_candidates(subject).scores)


def _last_score(subject: Subject) -> list[float]:
    return _scores(subject)[-1:]


def _sorted_scores(subject: Subject) -> list[float]:
    return sorted(_scores(subject), reverse=True)


def _single_score(subject: Subject) -> list[float]:
    return flat(_candidates(subject, multimask=False).scores)


def _single_logits(subject: Subject) -> list[float]:
    """A corner of the one mask."""
    return _corner(subject, _candidates(subject, multimask=False).logits[0, 0])


def _logits(subject: Subject) -> list[float]:
    """A corner of the first mask."""
    return _corner(subject, _candidates(subject).logits[0, 0])


def _best_logits(subject: Subject) -> list[float]:
    """A corner of the mask with the highest score."""
    return _corner(subject, _best(_candidates(subject)))


def _best(found: Candidates) -> Tensor:
    return found.logits[0, int(found.scores[0].argmax())]


def _corner(subject: Subject, mask: Tensor) -> list[float]:
    """The upper left of (h, w) logits: one row of three where the question names no size."""
    rows, columns = (int(str(side)) for side in subject.inputs.get("corner", (1, 3)))
    return flat(mask[:rows, :columns])


def _unprompted(subject: Subject) -> Candidates:
    """Masks where nothing at all is asked."""
    (picture,) = subject.pictures
    segmenter = _segmenter(subject.path)
    embedding = _embedding(subject.path, picture.tobytes(), picture.shape)
    no_tokens = segmenter.prompts.no_mask.new_zeros(1, 0, len(segmenter.prompts.no_mask))
    return next(segmenter.predict_tokens(embedding, no_tokens, multimask=True))


def _unprompted_last_score(subject: Subject) -> list[float]:
    return flat(_unprompted(subject).scores)[-1:]


def _unprompted_logits(subject: Subject) -> list[float]:
    return _corner(subject, _unprompted(subject).logits[0, 0])


def _fed_back(subject: Subject) -> Candidates:
    """One mask for points, beside the best mask of the first point alone."""
    first = {"points": subject.inputs["points"][:1], "labels": subject.inputs["labels"][:1]}
    before = _candidates(Subject(subject.path, subject.pictures, first))
    return _candidates(subject, multimask=False, mask=_best(before))


def _fed_back_score(subject: Subject) -> list[float]:
    return flat(_fed_back(subject).scores)


def _fed_back_logits(subject: Subject) -> list[float]:
    return _corner(subject, _fed_back(subject).logits[0, 0])


def _automatic_scores(subject: Subject) -> list[float]:
    """Scores of all masks that nobody asked for, from high to low."""
    (picture,) = subject.pictures
    found = AutomaticMasks(_segmenter(subject.path)).propose(picture)
    return sorted((proposal.score for proposal in found), reverse=True)


QUESTIONS: Mapping[str, Question] = {
    "segmenter-scores": _scores,
    "segmenter-last": _last_score,
    "segmenter-sorted": _sorted_scores,
    "segmenter-single": _single_score,
    "segmenter-single-logits": _single_logits,
    "segmenter-logits": _logits,
    "segmenter-best-logits": _best_logits,
    "segmenter-unprompted-last": _unprompted_last_score,
    "segmenter-unprompted-logits": _unprompted_logits,
    "segmenter-fed-back": _fed_back_score,
    "segmenter-fed-back-logits": _fed_back_logits,
    "automatic-scores": _automatic_scores,
}
LOADERS = (_segmenter, _embedding)
