"""The model card of the small SAM, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.sam.loss import FOCAL, ODDS
from lexiseg.training.mini.sam.measure import FEW, LARGE

LINES = {
    "best": "IoU of the best of three masks with the clicked object",
    "best_few": f"the same in scenes of at most {FEW} objects",
    "best_crowded": "the same in crowds",
    "chosen": "IoU of the mask with the highest score with the object",
    "part": "IoU of the best of three with the clicked part",
    "group": "IoU of the best of three with the object's group, where it has one",
    "ranked_wrong": "share of clicks where the highest score is not the best mask's",
    "prefers_part": "share of clicks where the highest score's mask is nearer to the part",
    "prefers_group": "share of clicks where the highest score's mask is nearer to the group",
    "boxed": "IoU of the single mask of the object's box with the object",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]], scenes: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: split -> what `measure_sam` returns.
        scenes: measured per split.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    vision = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vision_config"]
    part, whole, group = ODDS
    cells = 4 * vision["image_size"] // vision["patch_size"]
    text = f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: mask-generation
---
# mini-sam

The promptable segmenter of the mini suite: a SAM in transformers' `SamModel` format with
{count_parameters(folder):,} parameters for pictures of 256 x 256 pixels (others are scaled), half
precision. Its patches are {vision["patch_size"]} pixels wide; {_attention(vision)}.
Masks come on {cells} x {cells} cells.

## Data
Scenes of Miniworld's train split (see the sessions) of 1 to 14 objects at 256 pixels, recolored and
mirrored at random. The pictographs are from the Noto Color Emoji font (SIL Open Font License 1.1).

## Training signal
On each picture {record["clicks"]} clicks and {record["boxes"]} boxes. A click may mean up to three
regions, and all of them are asked of its three candidates: the part of the pictograph (Miniworld
cuts pictographs into 2 to 5 parts), the object or the stuff, and the group of touching objects or
of objects of one name. From each region only the candidate with the least loss learns ({FOCAL:g} x
focal + dice; inside and outside of a mask count alike). A box, its sides moved a little, means one
of these regions. The single mask learns one of them at random. A score learns the IoU with what is
meant (squared error), and parts are meant most often, {part:.0%} : {whole:.0%} : {group:.0%} where
there are all three, as most masks that SAM learned from are small. SAM draws what is meant; here
the mean over the draw is taken at once. So, like SAM's own, a score says how well a mask fits
times how often such a mask is meant, and a part may be surer than its object. This is the bias
that TIDES studies.

Muon for the matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the
processor has it. Each step compares one cell of every 2 x 2. Nothing of any published network was
used.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Steps count from the weights a session began with. Command: `python -m lexiseg.training.mini sam
--out DIR --seed S --scenes N --minutes M`; `--resume` continues a run of one's own, `--bundled`
trains these weights further.

## Measured on held-out Miniworld scenes
One click at a random pixel of every object of which more than {LARGE} pixels of 224 x 224 are seen;
every second scene is a crowd of 6 to 14. The test split has other pictographs and textures than
training, val the same in other scenes.

{figure_table(figures, LINES)}

Measured by `python -m lexiseg.training.mini evaluate-sam DIR --scenes {scenes} --card`.

## Limits
{sum(session["examples"] for session in record["sessions"]):,} pictures are few for such a network:
its measures were still rising, and more training is the first thing to try.
It was trained on Miniworld's drawings alone; on photographs it follows edges of color at best.
Points outside of an object (label 0), several points and mask prompts are accepted and were not
trained. Parts are its weak side, and thin objects come out coarse.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target


def count_parameters(folder: Path) -> int:
    """Numbers in the weights of a folder."""
    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(file.get_tensor(key).numel() for key in file.keys())  # noqa: SIM118


def _attention(vision: Mapping[str, Any]) -> str:
    """How far the encoder's blocks see, in words."""
    side = vision["window_size"] * vision["patch_size"]
    whole = ", ".join(str(1 + number) for number in vision["global_attn_indexes"])
    return (
        f"block {whole} of {vision['num_hidden_layers']} attends to the whole picture, the others "
        f"within windows of {side} x {side} pixels"
    )


def figure_table(
    figures: Mapping[str, Mapping[str, float]], lines: Mapping[str, str], counted: str = "objects"
) -> str:
    """Figures of several splits side by side.

    Args:
        figures: split -> figure -> value.
        lines: figure -> what it is, in their order.
        counted: the figure that tells of how many things the others are means.
    """
    heads = [f"{split} ({found[counted]:.0f} {counted})" for split, found in figures.items()]
    rows = [f"| figure | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for key, label in lines.items():
        values = " | ".join(f"{found[key]:.3f}" for found in figures.values())
        rows.append(f"| {label} | {values} |")
    return "\n".join(rows)
