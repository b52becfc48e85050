"""The model card of the small FC-CLIP's decoders, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.fc_clip.learner import LARGEST_STEP, FcClipTraining
from lexiseg.training.mini.fc_clip.objective import Weights
from lexiseg.training.mini.fc_clip.start import SMALL
from lexiseg.training.mini.sam.card import count_parameters, figure_table

LINES = {
    "pq": "PQ, all names asked",
    "sq": "SQ",
    "rq": "RQ",
    "things": "PQ of things",
    "stuff": "PQ of stuff",
    "recall": "true segments that a candidate fits (IoU above 0.5), whatever its name",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]]) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: column -> what `measure_fc_clip` returns.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    plan, weights = FcClipTraining(), Weights()
    scenes = next(iter(figures.values()))["scenes"]
    text = f"""---
license: apache-2.0
pipeline_tag: image-segmentation
---
# mini-fc-clip

Pixel decoder, mask decoder and void embedding of a small FC-CLIP: {count_parameters(folder):,}
parameters in the published names, half precision. CLIP is mini-convnext-clip, which was not
trained. {SMALL["queries"]} queries, width {SMALL["width"]}, {SMALL["encoder_layers"]} layers of the
pixel decoder and {SMALL["decoder_layers"]} of the mask decoder.

## Data
Scenes of Miniworld's train split at {plan.size} pixels, one to six things each, drawn as they are
needed (see the sessions), with all {record["names"]} names of Miniworld as classes (label policy
A); objects too small or too hidden to be named are void. The pictographs are from the Noto Color
Emoji font (SIL Open Font License 1.1).

## Training signal
Mask2Former's: candidates are matched with segments; names x {weights.names:g}, cross entropy of
mask pixels x {weights.pixels:g}, dice x {weights.overlap:g}, no object x {weights.void:g} among the
names, after every layer; masks are compared at {plan.points} points, three quarters of them where
masks are unsure. Gradients are cut at {LARGEST_STEP:g}. Names are frozen features of FC-CLIP's
fourteen sentences. Pictures are mirrored and recolored at random. Muon for the matrices of the
layers, AdamW for the rest, cosine schedule.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Command: `python -m lexiseg.training.mini fcclip --out DIR --clip FOLDER --seed S --minutes M`;
`--resume` continues a run of one's own.

## Measured on held-out Miniworld scenes
{scenes:.0f} scenes per column, all names of the label policy asked at once: A, and B, whose names
are finer, coarser, other or novel, with a fifth of the objects novel. The test split has other
pictographs and textures than training, val the same in other scenes.

{figure_table(figures, LINES, "scenes")}

Measured by `python -m lexiseg.training.mini evaluate-fcclip DIR --clip FOLDER --card --scenes
{scenes:.0f}`.

## Limits
It was trained for minutes, where FC-CLIP was for 50 epochs of COCO. Its candidates fit most
segments, and it names stuff; things it mostly names wrong. It knows Miniworld's words alone.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
