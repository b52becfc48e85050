"""TIDES from named classes to objects, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from lexiseg.methods.tides.class_filter import Verdict, class_probability, judge_classes
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.identification import identify
from lexiseg.methods.tides.postprocess import Found, suppress_across_classes, weigh
from lexiseg.methods.tides.proposals import Foreground, Proposals, propose
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.report import explain_presence, list_instances
from lexiseg.methods.tides.scene import Scene
from lexiseg.methods.tides.semantic_features import score_cells
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import (
    DenseScorer,
    Instance,
    Instances,
    PresenceTrace,
    PromptableSegmenter,
    Vocabulary,
)

CLIP_SCALE = 100.0  # cosines of CLIP become logits by this factor


class Parts(Protocol):
    """What the pipeline is built from."""

    scorer: DenseScorer
    segmenter: PromptableSegmenter
    config: TidesConfig


@dataclass(frozen=True)
class Answer:
    """Objects and verdicts of one question."""

    instances: Instances
    presence: PresenceTrace


@torch.no_grad()
def find_objects(scene: Scene, vocabulary: Vocabulary, parts: Parts, watch: Stopwatch) -> Answer:
    """Steps A to E for the classes of a vocabulary.

    Args:
        scene: encoded image; what is prompted now is remembered there.
        vocabulary: names and their wordings.
        parts: scorer, segmenter and settings.
        watch: told where the time goes.
    """
    config = parts.config
    with watch("text"):
        question = Question.ask(vocabulary, parts.scorer, config)
    with watch("B: class filter"):
        verdicts = judge_classes(scene, question, config)
        survivors = [index for index, verdict in enumerate(verdicts) if verdict.kept]
    found: list[Found] = []
    if survivors:
        with watch("A: semantic features"):
            scores = score_cells(scene, question, survivors, parts.scorer, config)
            foreground = Foreground.of(scores, config)
        with watch("C: decoder"):
            scene.masks.rows_of(foreground.points(config))
        with watch("C: proposals"):
            pool = propose(foreground, scene.masks, config)
        with watch("D, E: identification"):
            judged = [verdicts[index] for index in survivors]
            found = [
                _objects(pool.of_class(n, scene.masks), foreground, n, verdict, config)
                for n, verdict in enumerate(judged)
            ]
            if config.across_classes == "semantic":
                found = suppress_across_classes(found, foreground.shape, config)
    with watch("E: masks"):
        by_class = dict(zip(survivors, found, strict=True))
        return _report(scene, vocabulary.names, verdicts, by_class, parts)


def _objects(
    proposals: Proposals,
    foreground: Foreground,
    number: int,
    verdict: Verdict,
    config: TidesConfig,
) -> Found:
    """Steps D and E for one surviving class."""
    values, cells = foreground.values[number], foreground.cells[number]
    identified = identify(proposals, values, cells, foreground.shape, config)
    probability = class_probability(verdict, CLIP_SCALE)
    return weigh(identified, values, cells, probability, config)


def _report(
    scene: Scene,
    names: Sequence[str],
    verdicts: Sequence[Verdict],
    found: Mapping[int, Found],
    parts: Parts,
) -> Answer:
    instances: list[Instance] = []
    counts = {}
    for index, objects in found.items():
        listed = list_instances(names[index], objects, scene, parts.segmenter, parts.config)
        counts[index] = len(listed)
        instances += listed
    presence = explain_presence(names, verdicts, counts, CLIP_SCALE)
    return Answer(Instances(tuple(instances), scene.embedding.size_hw), PresenceTrace(presence))
