"""Referring segmentation: one region for a sentence (Sun et al. 2024, section 4.3).

Sentences never compete in the maps: each is set against the background words alone. The released
code asks all sentences about one object at once and merges their masks ("ensemble"); the methods
it is compared with answer every sentence for itself ("per-sentence").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lexiseg.methods.car.background import competing_words
from lexiseg.methods.car.config import ORIGAMI, CarConfig
from lexiseg.methods.car.postprocess import binary_masks, to_image_size
from lexiseg.methods.car.recurrence import Question, Recurrence, Trace
from lexiseg.methods.car.report import Findings
from lexiseg.methods.car.scene import Scene
from lexiseg.methods.car.video import TemporalSmoother
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import SentenceProtocol

SMALL_SHARE = 0.05  # of the image; a smaller agreement is widened to the union

BoolArray = NDArray[np.bool_]


def referring_config(config: CarConfig) -> CarConfig:
    """Settings for sentences: the classifier knows one template, and nothing is stuff."""
    return replace(config, templates=(ORIGAMI,), stuff=())


def clean_sentence(sentence: str) -> str:
    """Lower case, without double quotes and slashes.

    Example:
        >>> clean_sentence('The "big" cat/dog')
        'the big catdog'
    """
    return sentence.lower().replace('"', "").replace("/", "")


@torch.no_grad()
def find_sentences(
    scene: Scene,
    sentences: tuple[str, ...],
    protocol: SentenceProtocol,
    recurrence: Recurrence,
    watch: Stopwatch,
    smoother: TemporalSmoother | None = None,
) -> Findings:
    """Run CaR for sentences.

    Args:
        scene: the encoded image.
        sentences: as asked.
        protocol: "per-sentence": each has a region of its own; "ensemble": all describe one
            object, whose region carries the best-scored sentence.
        recurrence: generator with `separate` competition, classifier and settings.
        watch: receives the time of each stage.
        smoother: memory of earlier frames of a video.
    """
    findings = Findings(sentences)
    everything = tuple(range(len(sentences)))
    runs = [everything] if protocol == "ensemble" else [(position,) for position in everything]
    traces = []
    for number, positions in enumerate(runs):
        question = _question([sentences[p] for p in positions], recurrence.config)
        trace = recurrence.run(scene, question, watch)
        if smoother:
            trace = smoother(number, trace, len(positions))
        findings.add_trace(trace, positions, recurrence.config)
        traces.append(trace)
    with watch("crf"):
        masks = binary_masks(
            scene, torch.cat([trace.proposals for trace in traces]), recurrence.config
        )
    if protocol == "ensemble":
        _add_merged(findings, scene, masks, traces[0])
    else:
        kept = [p for (p,), trace in zip(runs, traces, strict=True) if trace.kept]
        for position, mask in zip(kept, masks, strict=True):
            findings.add_mask(position, to_image_size(mask, scene.size_hw), is_thing=True)
    return findings


def _question(sentences: Sequence[str], config: CarConfig) -> Question:
    queries = tuple(clean_sentence(sentence) for sentence in sentences)
    return Question(queries, competing_words(config, queries), config.prompts)


def _add_merged(findings: Findings, scene: Scene, masks: BoolArray, trace: Trace) -> None:
    """One region for the object that all sentences describe."""
    if not trace.kept:
        return
    merged = merge_sentences(masks, np.array(trace.scores))
    best = trace.kept[int(np.argmax(trace.scores))]
    findings.add_mask(best, to_image_size(merged, scene.size_hw), is_thing=True)


def merge_sentences(masks: BoolArray, scores: NDArray[np.float64]) -> BoolArray:
    """One mask from those of several sentences about one object.

    Args:
        masks: (S, H, W) bool.
        scores: (S,) in [0, 1].

    Returns:
        (H, W) bool: the score-weighted majority, or the union if that covers next to nothing.
    """
    if not len(masks):
        return np.zeros(masks.shape[1:], dtype=bool)
    total = scores.sum()
    weights = scores / total if total > 0 else np.full(len(masks), 1 / len(masks))
    share: NDArray[np.float64] = np.tensordot(weights, masks, axes=1)
    agreed: BoolArray = share >= 0.5
    united: BoolArray = np.logical_or.reduce(masks)
    return united if agreed.mean() <= SMALL_SHARE else agreed
