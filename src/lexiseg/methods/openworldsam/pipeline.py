"""From asked names to answers that are left of them, a group of prompts at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import torch

from lexiseg.methods.openworldsam.answers import Answers
from lexiseg.methods.openworldsam.config import OpenWorldSamConfig
from lexiseg.methods.openworldsam.decoding import decode
from lexiseg.methods.openworldsam.presence import (
    NameVerdict,
    best_of,
    judge_by_clip,
    judge_by_object,
)
from lexiseg.methods.openworldsam.scene import Scene
from lexiseg.models.openworldsam import Adapter
from lexiseg.ops.stopwatch import Stopwatch

if TYPE_CHECKING:
    from lexiseg.models.sam import Segmenter

SUFFIXES = ("-other", "-merged", "-stuff")  # of COCO's names; the model was trained without them


class Parts(Protocol):
    """What the pipeline is built from."""

    adapter: Adapter
    segmenter: Segmenter
    config: OpenWorldSamConfig


@dataclass(frozen=True)
class Group:
    """What is asked together, answered.

    Attributes:
        names: numbers of the names, ascending.
        verdicts: for each of them.
        answers: to those that are in the picture; `prompts` are numbers of names. None if none is.
    """

    names: tuple[int, ...]
    verdicts: tuple[NameVerdict, ...]
    answers: Answers | None


@torch.no_grad()
def ask(
    scene: Scene, wordings: Sequence[Sequence[str]], parts: Parts, watch: Stopwatch
) -> Iterator[Group]:
    """Answer any number of names, a group of them at a time.

    Args:
        scene: encoded picture.
        wordings: texts of each name.
        parts: networks and settings.
        watch: told where the time goes.
    """
    config, numbers = parts.config, range(len(wordings))
    seen: dict[int, NameVerdict] = {}
    if config.presence == "clip":
        assert scene.windows is not None
        with watch("presence"):
            seen = dict(enumerate(judge_by_clip(scene.windows, wordings, config.clip)))
    refused = tuple(number for number in numbers if seen and not seen[number].kept)
    if refused:
        yield Group(refused, tuple(seen[number] for number in refused), None)
    left = [number for number in numbers if number not in set(refused)]
    for group in together(left, [len(own) for own in wordings], config.joint_prompts):
        answers = _decode(scene, group, wordings, parts, watch)
        if config.presence == "learned":
            verdicts = judge_by_object(answers, group, config.min_object)
        elif config.presence == "clip":
            verdicts = [seen[number] for number in group]
        else:
            verdicts = _taken_to_be_there(answers, group)
        yield _kept(group, verdicts, answers)


def together(names: Sequence[int], prompts: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Names in groups of at most so many prompts; wordings of one name stay together.

    Args:
        names: numbers of names.
        prompts: how many wordings each name has, by number.
        most: prompts in a group; a name with more is a group of its own.

    Example:
        >>> list(together([0, 1, 3], [2, 1, 9, 1], 3))
        [(0, 1), (3,)]
    """
    group: list[int] = []
    for name in names:
        if group and sum(prompts[one] for one in (*group, name)) > most:
            yield tuple(group)
            group = []
        group.append(name)
    if group:
        yield tuple(group)


def _decode(
    scene: Scene,
    group: Sequence[int],
    wordings: Sequence[Sequence[str]],
    parts: Parts,
    watch: Stopwatch,
) -> Answers:
    texts = [plain_name(text) for number in group for text in wordings[number]]
    owner = torch.tensor([number for number in group for _ in wordings[number]])
    with watch("text"):
        vectors = scene.vectors(texts)
    with watch("decoder"):
        answers = decode(scene.embedding, vectors, parts.adapter, parts.segmenter, parts.config)
    return replace(answers, prompts=owner.to(answers.prompts.device)[answers.prompts])


def plain_name(text: str) -> str:
    """A name as the model was trained to read it: COCO's endings of stuff names are left out.

    Example:
        >>> plain_name("wall-other-merged"), plain_name("window ")
        ('wall', 'window ')
    """
    for suffix in SUFFIXES:
        text = text.replace(suffix, "")
    return text


def _taken_to_be_there(answers: Answers, group: Sequence[int]) -> list[NameVerdict]:
    scores = best_of(answers, answers.scores, group)
    return [
        NameVerdict(True, score, f"taken to be there; best mask {score:.2f}") for score in scores
    ]


def _kept(group: tuple[int, ...], verdicts: Sequence[NameVerdict], answers: Answers) -> Group:
    kept = [name for name, verdict in zip(group, verdicts, strict=True) if verdict.kept]
    mine = torch.isin(answers.prompts, torch.tensor(kept, device=answers.prompts.device))
    left = answers if len(kept) == len(group) else answers[mine]
    return Group(group, tuple(verdicts), left if kept else None)
