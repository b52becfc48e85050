"""The model card of the small ConvNeXt-CLIP, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.convnext.learner import SIZES, ConvNextTraining
from lexiseg.training.mini.convnext.measure import LARGE
from lexiseg.training.mini.sam.card import count_parameters, figure_table

LINES = {
    "top1": "one thing, named among all names of things, bare name",
    "regions": "true segments, named among all names",
    "large_regions": f"the same, segments of at least {LARGE} pixels",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]], several: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: split -> what `measure_convnext` returns.
        several: scenes that the segments are from.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    plan, depths = ConvNextTraining(), ", ".join(map(str, SIZES.depths))
    text = f"""---
license: apache-2.0
pipeline_tag: zero-shot-image-classification
---
# mini-convnext-clip

A convolutional CLIP of {count_parameters(folder):,} parameters in open_clip's layout, half
precision: a ConvNeXt of {depths} blocks with {", ".join(map(str, SIZES.widths))} channels beside
the text tower of {record["teacher"]}, which was not trained. mini-fc-clip sees through it.

## Data
Scenes of Miniworld's train split (see the sessions) with their captions and the names that captions
mention, and close-ups of single things cut out of other scenes of it. No mask was used but for
framing the close-ups. The pictographs are from the Noto Color Emoji font (SIL Open Font License
1.1).

## Training signal
The image's embedding against the names (softmax over a random part of the vocabulary, and yes or
no for each) and, of whole scenes, against the captions of the batch; the embeddings of single cells
against the names, pooled by log-mean-exp. It is the signal of mini-clip-proposal.

First words: close-ups at {plan.first_size} pixels ({plan.first_share:.0%} of the budget), mirrored
only. Then whole scenes at {plan.early_size} pixels, mirrored, zoomed, turned, bent and recolored at
random; at the end ({1 - plan.early_share:.0%}) at {plan.vision.image_size}. Muon for the matrices
of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the processor has it.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

In the first words a step shows {plan.first_batch} close-ups, which count as {plan.batch} pictures.
Command: `python -m lexiseg.training.mini convnext --out DIR --seed S --scenes N --minutes M`;
`--resume` continues a run of one's own.

## Measured on held-out Miniworld scenes
Single things in scenes of their own, segments of {several} scenes with two to six things. The test
split has other pictographs and textures than training, val the same in other scenes.

{figure_table(figures, LINES, "scenes")}

Measured by `python -m lexiseg.training.mini evaluate-convnext DIR --card --several {several}`.

## Limits
It was trained for minutes on Miniworld's drawings alone and knows nothing else. A cell of its last
feature map is 32 pixels wide: what is smaller is named by its surroundings.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
