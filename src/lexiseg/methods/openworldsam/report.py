"""From answers of queries to the result: objects, semantic map, segments, and why each name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from lexiseg.methods.base import Answer
from lexiseg.methods.openworldsam.answers import Answers, join
from lexiseg.methods.openworldsam.config import OpenWorldSamConfig
from lexiseg.methods.openworldsam.instances import choose_objects
from lexiseg.methods.openworldsam.panoptic import divide
from lexiseg.methods.openworldsam.pipeline import Group
from lexiseg.methods.openworldsam.presence import NameVerdict, best_of
from lexiseg.methods.openworldsam.semantic import Ballot
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Instance, Mask, Presence


def report_names(
    groups: Iterable[Group], names: Sequence[str], config: OpenWorldSamConfig, watch: Stopwatch
) -> Answer:
    """All three views of the answers to names.

    Args:
        groups: of all names.
        names: as asked.
        config: rules of the views.
        watch: told where the time goes.
    """
    ballot: Ballot | None = None
    verdicts: dict[int, NameVerdict] = {}
    sure: list[Answers] = []
    best: dict[int, float] = {}
    for group in groups:
        verdicts.update(zip(group.names, group.verdicts, strict=True))
        if group.answers is None:
            continue
        answers = group.answers
        kept = sorted(set(answers.prompts.tolist()))
        best.update(zip(kept, best_of(answers, answers.scores, kept), strict=True))
        with watch("semantic"):
            classes, device = config.classes or len(names), answers.logits.device
            ballot = ballot or Ballot(answers.size_hw, classes, config.semantic_rule, device)
            ballot.add(answers)
        sure.append(answers[answers.scores >= config.min_score])
    presence = [Presence(name, *_said(verdicts[n])) for n, name in enumerate(names)]
    if ballot is None:
        return Answer([], presence, [], [])
    with watch("semantic"):
        semantic = _regions(ballot.winner, names, best, config)
    with watch("panoptic"):
        panoptic = _segments(join(sure), names, config)
    with watch("instances"):
        objects = _objects(join(sure), names, config)
    ground = [item for item in panoptic if not item.is_thing]
    return Answer([*objects, *ground], presence, semantic, panoptic)


def _said(verdict: NameVerdict) -> tuple[float, bool, str]:
    return verdict.score, verdict.kept, verdict.reason


def _regions(
    winner: Tensor, names: Sequence[str], best: dict[int, float], config: OpenWorldSamConfig
) -> list[Instance]:
    """A region for each name that won a pixel."""
    return [
        Instance(names[name], best[name], _mask(winner == name), names[name] not in config.stuff)
        for name in np.unique(winner.cpu().numpy()).tolist()
    ]


def _segments(answers: Answers, names: Sequence[str], config: OpenWorldSamConfig) -> list[Instance]:
    stuff = {number for number, name in enumerate(names) if name in config.stuff}
    ids, segments = divide(
        answers,
        stuff,
        min_score=config.min_score,
        nms_iou=config.nms_iou,
        min_share=config.min_share,
    )
    return [
        Instance(
            names[segment.prompt],
            float(answers.scores[segment.answer]),
            _mask(ids == number),
            segment.is_thing,
        )
        for number, segment in enumerate(segments, start=1)
    ]


def _objects(answers: Answers, names: Sequence[str], config: OpenWorldSamConfig) -> list[Instance]:
    things = torch.tensor([name not in config.stuff for name in names])
    countable = answers[things.to(answers.prompts.device)[answers.prompts]]
    chosen, masks = choose_objects(
        countable,
        min_score=config.min_score,
        nms=config.nms,
        nms_iou=config.nms_iou,
        top_k=config.top_k,
    )
    found = countable[chosen]
    labels, scores = found.prompts.tolist(), found.scores.tolist()
    return [
        Instance(names[label], score, _mask(mask))
        for label, score, mask in zip(labels, scores, masks, strict=True)
        if mask.any()
    ]


def _mask(pixels: Tensor) -> Mask:
    return Mask.from_array(pixels.cpu().numpy())
