"""One region for every sentence: its surest answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from lexiseg.methods.base import Answer
from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.methods.openworldsam.config import OpenWorldSamConfig
from lexiseg.methods.openworldsam.pipeline import Group
from lexiseg.types import Instance, Mask, Presence, SentenceProtocol


def best_answers(answers: Answers, prompts: Sequence[int]) -> Tensor:
    """Numbers (P,) of the answer with the highest score for each of P prompts.

    Args:
        answers: at least one for each prompt.
        prompts: numbers of the prompts.
    """
    numbers = torch.arange(len(answers), device=answers.scores.device)
    chosen = []
    for prompt in prompts:
        mine = numbers[answers.prompts == prompt]
        chosen.append(mine[answers.scores[mine].argmax()])
    return torch.stack(chosen) if chosen else numbers[:0]


def report_sentences(
    groups: Iterable[Group],
    sentences: Sequence[str],
    protocol: SentenceProtocol,
    config: OpenWorldSamConfig,
) -> Answer:
    """A region for each sentence, or one for all if they describe the same object.

    Args:
        groups: of all sentences.
        sentences: as asked.
        protocol: "per-sentence" or "ensemble".
        config: least score of a region.
    """
    regions: dict[int, Instance] = {}
    presence: dict[int, Presence] = {}
    for group in groups:
        found = _best_regions(group, sentences)
        for number, verdict in zip(group.names, group.verdicts, strict=True):
            region, reason = found.get(number), verdict.reason
            if region is not None and region.mask.area and region.score >= config.min_referring:
                regions[number] = region
            elif region is not None:
                reason += "; but no mask is sure enough"
            kept = number in regions
            presence[number] = Presence(sentences[number], verdict.score, kept, reason)
    verdicts = [presence[number] for number in range(len(sentences))]
    listed = [regions[number] for number in sorted(regions)]
    if protocol == "ensemble" and listed:
        listed = [max(listed, key=lambda region: region.score)]
    return Answer(listed, verdicts)


def _best_regions(group: Group, sentences: Sequence[str]) -> dict[int, Instance]:
    if group.answers is None:
        return {}
    asked = sorted(set(group.answers.prompts.tolist()))
    best = group.answers[best_answers(group.answers, asked)]
    return {
        number: Instance(sentences[number], float(score), Mask.from_array(mask.cpu().numpy()))
        for number, score, mask in zip(asked, best.scores, best.binary(), strict=True)
    }
