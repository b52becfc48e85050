"""The model card of the small MAFT+, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.fc_clip.card import LINES
from lexiseg.training.mini.fc_clip.objective import Weights
from lexiseg.training.mini.maft_plus.learner import FIRST_SHIFT, MaftPlusTraining
from lexiseg.training.mini.sam.card import count_parameters, figure_table


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]]) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: column -> what `measure_fc_clip` returns.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    plan, weights = MaftPlusTraining(), Weights()
    with safe_open(folder / "model.safetensors", "pt") as file:
        changed = [key for key in file.keys() if key.startswith("backbone.")]  # noqa: SIM118
    scenes = next(iter(figures.values()))["scenes"]
    text = f"""---
license: apache-2.0
pipeline_tag: image-segmentation
---
# mini-maft-plus

A small MAFT+: {count_parameters(folder):,} parameters in the published names, half precision.
These are the decoders, the content-dependent transfer, the void embedding, and the {len(changed)}
tensors of CLIP that differ from mini-convnext-clip, from which the rest of CLIP is read.

## Data
Scenes of Miniworld's train split at {plan.size} pixels, one to six things each, drawn as they are
needed (see the sessions), with all {record["names"]} names of Miniworld as classes (label policy
A); objects too small or too hidden to be named are void. The pictographs are from the Noto Color
Emoji font (SIL Open Font License 1.1).

## Training signal
It began with mini-fc-clip. The decoders learned by Mask2Former's losses, which do not reach CLIP:
names x {weights.names:g}, pixels x {weights.pixels:g}, dice x {weights.overlap:g}, no object x
{weights.void:g} among the names, after every layer. CLIP and the transfer learned by the mask-aware
loss (x {plan.scores:g}: CLIP's score for the name of a segment is to be the candidate's IoU with
it, from 0 for the worst candidate to 1 for the best) and by representation compensation (x
{plan.keeping:g}: the dense map stays near that of the frozen CLIP). Text tower and visual head stay
as they are.

In small: of CLIP's image tower all but the MLPs learns, at {plan.clip_share:g} of the decoders'
rate (published: the whole trunk, at 0.1, for longer); the normalization of the transfer begins at
{FIRST_SHIFT:g}; the transfer sees cells as the paper says (`variant="paper"`). Pictures are
mirrored and recolored at random. Muon for the matrices of the layers, AdamW for the rest, cosine
schedule.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Command: `python -m lexiseg.training.mini maftplus --out DIR --seed S --minutes M`; `--resume`
continues a run of one's own.

## Measured on held-out Miniworld scenes
{scenes:.0f} scenes per column, all names of the label policy asked at once: A, and B, whose names
are finer, coarser, other or novel, with a fifth of the objects novel. The test split has other
pictographs and textures than training, val the same in other scenes.

{figure_table(figures, LINES, "scenes")}

Measured by `python -m lexiseg.training.mini evaluate-maftplus DIR --card --scenes {scenes:.0f}`.

## Limits
It was trained for minutes, where MAFT+ was for 55,000 iterations. It knows Miniworld's words alone.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
