"""TIDES from named classes to objects, step by step."""

from __future__ import annotations

from typing import Protocol

import torch

from lexiseg.methods.base import Answer
from lexiseg.methods.tides.class_filter import Verdict, class_probability
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.postprocess import Found, suppress_across_classes, weigh
from lexiseg.methods.tides.proposals import Foreground, Proposals
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.report import explain_presence, list_instances
from lexiseg.methods.tides.scene import Scene
from lexiseg.methods.tides.steps import Identifier, Steps
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import DenseScorer, Instance, PromptableSegmenter, Vocabulary

CLIP_SCALE = 100.0  # cosines of CLIP become logits by this factor


class Parts(Protocol):
    """What the pipeline is built from."""

    scorer: DenseScorer
    segmenter: PromptableSegmenter
    config: TidesConfig
    steps: Steps


@torch.no_grad()
def find_objects(scene: Scene, vocabulary: Vocabulary, parts: Parts, watch: Stopwatch) -> Answer:
    """Steps A to E for the classes of a vocabulary.

    Args:
        scene: encoded image; what is prompted now is remembered there.
        vocabulary: names and their wordings.
        parts: scorer, segmenter, settings, and who carries out the steps.
        watch: told where the time goes.
    """
    config, steps = parts.config, parts.steps
    with watch("text"):
        question = Question.ask(vocabulary, parts.scorer, config)
    with watch("B: class filter"):
        verdicts = steps.classes(scene, question, config)
        survivors = [index for index, verdict in enumerate(verdicts) if verdict.kept]
    instances: dict[int, list[Instance]] = {}
    if survivors:
        with watch("A: semantic features"):
            foreground = steps.semantics(scene, question, survivors, parts.scorer, config)
        pool = steps.proposals(scene, foreground, config, watch)
        with watch("D, E: identification"):
            judged = [verdicts[index] for index in survivors]
            found = [
                _objects(pool.of_class(n), foreground, n, verdict, steps.identification, config)
                for n, verdict in enumerate(judged)
            ]
            if config.across_classes == "semantic":
                found = suppress_across_classes(found, foreground.shape, config)
        with watch("E: masks"):
            for index, objects in zip(survivors, found, strict=True):
                label = vocabulary.names[index]
                instances[index] = list_instances(label, objects, pool, config)
    counts = {index: len(listed) for index, listed in instances.items()}
    presence = explain_presence(vocabulary.names, verdicts, counts, CLIP_SCALE)
    return Answer([item for listed in instances.values() for item in listed], presence)


def _objects(
    proposals: Proposals,
    foreground: Foreground,
    number: int,
    verdict: Verdict,
    identify: Identifier,
    config: TidesConfig,
) -> Found:
    """Steps D and E for one surviving class."""
    values, cells = foreground.values[number], foreground.cells[number]
    identified = identify(proposals, values, cells, foreground.shape, config)
    probability = class_probability(verdict, CLIP_SCALE)
    return weigh(identified, values, cells, probability, config)
