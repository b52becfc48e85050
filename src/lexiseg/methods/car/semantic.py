"""All names of a vocabulary compete for the pixels of one image."""

from __future__ import annotations

import torch

from lexiseg.methods.car.mutual_background import Pass, plan_passes
from lexiseg.methods.car.postprocess import label_map, to_image_size
from lexiseg.methods.car.queries import choose_wordings, prefilter
from lexiseg.methods.car.recurrence import Recurrence, Trace
from lexiseg.methods.car.report import Findings
from lexiseg.methods.car.scene import Scene
from lexiseg.methods.car.video import TemporalSmoother
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import Vocabulary


@torch.no_grad()
def find_names(
    scene: Scene,
    vocabulary: Vocabulary,
    recurrence: Recurrence,
    watch: Stopwatch,
    smoother: TemporalSmoother | None = None,
) -> Findings:
    """Run CaR for a vocabulary: choose, filter by recurrence, sharpen.

    Args:
        scene: the encoded image.
        vocabulary: what is asked.
        recurrence: generator, classifier and settings.
        watch: receives the time of each stage.
        smoother: memory of earlier frames of a video.
    """
    config = recurrence.config
    findings = Findings(vocabulary.names)
    with watch("text"):
        queries = choose_wordings(scene, vocabulary, recurrence.generator)
        positions, reasons = prefilter(scene, queries, recurrence.generator)
    findings.leave_out(reasons)
    for run, one in enumerate(plan_passes(vocabulary, queries, positions, config)):
        trace = recurrence.run(scene, one.question, watch)
        if smoother:
            trace = smoother(run, trace, len(one.positions))
        findings.add_trace(trace, one.positions, config)
        with watch("crf"):
            _add_masks(findings, scene, one, trace, recurrence)
    return findings


def _add_masks(
    findings: Findings, scene: Scene, one: Pass, trace: Trace, recurrence: Recurrence
) -> None:
    """Sharpen the survivors' proposals to one label per pixel and hand each its region."""
    labels = label_map(scene, trace.proposals, recurrence.config)
    labels = to_image_size(labels, scene.size_hw)
    for number, query in enumerate(trace.kept, start=1):
        findings.add_mask(one.positions[query], labels == number, one.is_thing)
