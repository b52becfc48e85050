"""The model card of the small BEiT-3, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.models.side_files import CONFIG
from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.beit3.measure import FITTED, PAIRS
from lexiseg.training.mini.sam.card import count_parameters, figure_table

LINES = {
    "truth": "share of texts told true from false",
    "named": "IoU of the cells that a name means",
    "described": "IoU of the cells that a sentence means",
}


def write_card(folder: Path, figures: Mapping[str, Mapping[str, float]], scenes: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: split -> what `measure_beit3` returns.
        scenes: measured per split.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    text = f"""---
license: apache-2.0
pipeline_tag: feature-extraction
---
# mini-beit3

The encoder of pictures with texts of the small OpenWorldSAM: a BEiT-3 (multiway, early fusion) of
{config["layers"]} blocks, {config["width"]} wide, with {count_parameters(folder):,} parameters
in the key layout of the published files, half precision; pictures of {config["image_size"]} pixels
in patches of {config["patch_size"]}. Its tokenizer has {config["vocabulary"]:,} pieces of
Miniworld's words with the published ids of `<s>`, `<pad>`, `</s>` and `<unk>`; unlike the published
one it puts texts into lower case.

## Data
Scenes of Miniworld's train split (see the sessions) of 1 to 10 objects at 224 pixels, recolored a
little and mirrored at random, left and right changing places in the texts. The pictographs are from
the Noto Color Emoji font (SIL Open Font License 1.1).

## Training signal
Both halves of the network begin with the blocks of mini-clip-classifier, whose kernel for patches
of 8 pixels is stretched to 16, and each word with the direction in which that image tower shows
what it names.
- In the first {record["captions"]:.0%} of the budget: whether a caption or a name is true of the
  picture. A false one is true of another scene.
- Then names and referring sentences (left, right, top, bottom, larger, smaller, colors, relations):
  whether they are true, and for true ones where. A small network reads the region off CLS alone, as
  20 x 20 cells (cross-entropy + dice), so that CLS has to know the place; EVF-SAM lets a mask
  decoder read it. Patches before the last two blocks are asked the same, of false texts, too. A
  false text is true of another scene and speaks of what this one has not, so no text alone betrays
  whether it is true.

Muon for the matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the
processor has it. Nothing of any published network was used.

## Sessions
{session_table(record["sessions"], "scenes", "pictures, two texts each")}

Command: `python -m lexiseg.training.mini beit3 --out DIR --seed S --scenes N --steps N`; `--resume`
continues a run of one's own.

## Measured on held-out Miniworld scenes
What a linear reading of CLS knows, fitted by ridge regression on {FITTED} other scenes of the
train split; {2 * PAIRS} texts per scene, half of them false. The test split has other pictographs
and textures than training, val the same in other scenes.

{figure_table(figures, LINES, "texts")}

Measured by `python -m lexiseg.training.mini evaluate-beit3 DIR --scenes {scenes} --card`.

## Limits
It was trained on {sum(s["examples"] for s in record["sessions"]):,} pictures, which are few.
It knows Miniworld's pictographs, textures and words and nothing else.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target
