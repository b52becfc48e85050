"""The model card of the small SAM 2, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.sam.card import LINES as SAM_LINES
from lexiseg.training.mini.sam.card import count_parameters, figure_table
from lexiseg.training.mini.sam.loss import FOCAL, ODDS
from lexiseg.training.mini.sam.measure import LARGE

LINES = {
    **SAM_LINES,
    "refined": "IoU of that mask, given back as a prompt alone, with the object",
    "there": "share of clicks on objects whose object score is positive",
    "nothing": "share of points that mean nothing whose object score is not",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]], scenes: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: split -> what `measure_sam2` returns.
        scenes: measured per split.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    hiera = config["vision_config"]["backbone_config"]
    widths = ", ".join(map(str, hiera["embed_dim_per_stage"]))
    blocks = " + ".join(map(str, hiera["blocks_per_stage"]))
    part, whole, group = ODDS
    text = f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: mask-generation
---
# mini-sam2

The promptable segmenter of the small OpenWorldSAM: a SAM 2 in transformers' `Sam2Model` format
with {count_parameters(folder):,} parameters for pictures of 256 x 256 pixels (others are
stretched), half precision. Its Hiera has stages of {blocks} blocks, {widths} wide;
its embedding comes on 16 x 16 cells, masks on 64 x 64. It has no memory: videos are not its task.

Blocks 3 to 8 of its Hiera are as those of mini-sam, whose weights they began with, so most of them
stand at stride 8. In a published SAM 2 most blocks stand at stride 16.

## Data
Scenes of Miniworld's train split (see the sessions) of 1 to 14 objects at 256 pixels, recolored and
mirrored at random. The pictographs are from the Noto Color Emoji font (SIL Open Font License 1.1).

## Training signal
First as a pupil of mini-sam, without prompts (see the sessions). Then on each picture
{record["clicks"]} clicks and {record["boxes"]} boxes, taught as mini-sam is: a click may mean
a part, an object or a group, {part:.0%} : {whole:.0%} : {group:.0%} where there are all three;
from each region the candidate with the least loss learns ({FOCAL:g} x focal + dice), and a score
learns the IoU with what is meant. The masks of {record["refined"]} boxes are given back as mask
prompts without any point and are taught once more.
The object score learns that there is an object in all of these, and none where no point is given,
where a point only says what is not meant, and where a point lies beyond the frame.
In the share {record["held"]:g} of the budget Hiera's first two stages stayed as they were.

Muon for the matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the
processor has it. Nothing of any published network was used.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Command: `python -m lexiseg.training.mini sam2 --out DIR --seed S --scenes N --steps N
--held {record["held"]:g}`; `--resume`
continues a run of one's own, `--bundled` trains these weights further.

## Measured on held-out Miniworld scenes
One click at a random pixel of every object of which more than {LARGE} pixels of 224 x 224 are seen;
every second scene is a crowd of 6 to 14. The test split has other pictographs and textures than
training, val the same in other scenes.

{figure_table(figures, LINES)}

Measured by `python -m lexiseg.training.mini evaluate-sam2 DIR --scenes {scenes} --card`.

## Limits
It was trained on {sum(s["examples"] for s in record["sessions"]):,} pictures, which are few: it is
well behind mini-sam, and its scores rank its masks badly.
It was trained on Miniworld's drawings alone; on photographs it follows edges of color at best.
Masks come on cells of 4 x 4 pixels, so thin objects come out coarse.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
