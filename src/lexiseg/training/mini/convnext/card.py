"""The model card of the small ConvNeXt-CLIP, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.convnext.learner import SIZES, WHOLE, ConvNextTraining
from lexiseg.training.mini.convnext.measure import LARGE
from lexiseg.training.mini.sam.card import count_parameters, figure_table

LINES = {
    "regions": "true segments named right among all names, by bare names",
    "things": "those of things",
    "large_things": f"those of things with at least {LARGE} pixels",
    "stuff": "those of stuff",
    "top1": "whole scenes with one thing, named among all names of things",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]], several: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: split -> what `measure_convnext` returns.
        several: scenes that the segments are from.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    single = next(iter(figures.values()))["scenes"]
    plan, depths = ConvNextTraining(), ", ".join(map(str, SIZES.depths))
    text = f"""---
license: apache-2.0
pipeline_tag: zero-shot-image-classification
---
# mini-convnext-clip

A convolutional CLIP whose image tower has {count_parameters(folder):,} parameters in open_clip's
layout, half precision: a ConvNeXt of {depths} blocks with {", ".join(map(str, SIZES.widths))}
channels. The text tower is that of {record["teacher"]}: it was not trained, and is read from there.
mini-fc-clip sees through it, and mini-maft-plus began with it.

## Data
Close-ups of single things, cut out of scenes of Miniworld's train split, and scenes of it with the
regions that they show (see the sessions). The pictographs are from the Noto Color Emoji font (SIL
Open Font License 1.1).

## Training signal
Published towers learn from sentences about whole pictures. This one had too little time for that
and was told what is where: the embedding of a close-up against all names of things, and those of
the mean features of every true region against all names (softmax); whole scenes against the names
that they show at weight {WHOLE:g}. Names stand in the sentences that mini-clip-proposal knows.

First close-ups at {plan.first_size} pixels ({plan.first_share:.0%} of the budget), then regions of
scenes at {plan.vision.image_size}. Pictures are mirrored and recolored at random. Muon for the
matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the processor has it.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

A step shows {plan.first_batch} close-ups, which count as one batch of pictures. Command:
`python -m lexiseg.training.mini convnext --out DIR --seed S --minutes M`;
`--resume` continues a run of one's own.

## Measured on held-out Miniworld scenes
Single things in scenes of their own, segments of {several} scenes with two to six things. The test
split has other pictographs and textures than training, val the same in other scenes.

{figure_table(figures, LINES, "scenes")}

Measured by `python -m lexiseg.training.mini evaluate-convnext DIR --card --single {single:.0f}
--several {several}`.

## Limits
It was trained for minutes on Miniworld's drawings alone and knows nothing else. A cell of its last
feature map is 32 pixels wide: what is smaller is named by its surroundings. The embedding of a
whole picture says what covers most of it, which is stuff: it is no use for finding things in it.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
