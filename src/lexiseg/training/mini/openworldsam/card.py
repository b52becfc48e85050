"""The model card of the small adapter, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.models.side_files import CONFIG
from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.openworldsam.measure import IOU
from lexiseg.training.mini.sam.card import count_parameters, figure_table

LINES = {
    "miou": "semantic mIoU, names of the scene asked",
    "pq": "PQ, likewise",
    "found": f"share of things found at IoU {IOU}, likewise",
    "f1": f"F1 of things at IoU {IOU}, likewise",
    "ciou": "cIoU of referring sentences, the first of each object",
    "mcc_learned": "MCC of the object score at 0.5, half of the names absent",
    "mcc_mask_score": "MCC of the predicted IoU at its best level here, likewise",
    "cgf1": "MCC of the object score times F1 of things",
    "mixed_miou_none": "semantic mIoU, half of the names absent, all taken to be there",
    "mixed_miou_learned": "the same where the object score decides",
}


def write_card(
    folder: Path,
    figures: Mapping[str, Mapping[str, float]],
    others: Mapping[str, Mapping[str, float]],
) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the run's record.
        figures: split -> what `measure_openworldsam` returns.
        others: the same of an adapter trained with present names alone; empty for none.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    sizes = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config, data = record["config"], record["data"]
    columns = {**figures, **{f"{split}, present only": row for split, row in others.items()}}
    scenes = next(iter(figures.values()))["scenes"]
    text = f"""---
license: apache-2.0
pipeline_tag: image-segmentation
---
# mini-openworldsam

The trained part of the small OpenWorldSAM: an adapter of {count_parameters(folder):,} parameters
between mini-beit3 and mini-sam2, half precision. It makes {sizes["tie_breakers"]} queries of a
prompt, {sizes["width"]} numbers each; every query is one token, and every prompt is alone.

## Data
{data["scenes"]:,} scenes of Miniworld's train split (seed {data["seed"]}) at 224 pixels, 1 to 6
things each, in COCO's panoptic and in REFER's layout. The pictographs are from the Noto Color
Emoji font (SIL Open Font License 1.1).

## Training signal
Through `lexiseg.training.openworldsam`, as anybody's adapter: at most {config["prompts"]} names of
a picture, or sentences about its things; queries are matched with objects; focal loss x
{config["focal_weight"]:g} + dice x {config["dice_weight"]:g}. The paper has no dice.
{_negatives(config)}
{_beginning(data)}
AdamW at {config["rate"]:g}, {config["batch"]} pictures per step. mini-beit3 and mini-sam2 stay as
they are. Nothing of any published network was used.

## Sessions
{session_table(record["sessions"], "pictures", "pictures")}

Command: `python -m lexiseg.training.mini openworldsam --out DIR --beit3 FOLDER --steps N`;
`--resume` with more steps continues it, `--no-negatives` trains as the paper does.

## Measured on held-out Miniworld scenes
{scenes:.0f} scenes per split. The names of a scene are asked together (the paper's protocol, oracle
prompts); where half of the names are absent, as many absent names as present ones are asked along.
The test split has other pictographs and textures than training, val the same in other scenes.

{figure_table(columns, LINES, "scenes")}

Measured by `python -m lexiseg.training.mini evaluate-openworldsam DIR --card --scenes
{scenes:.0f}`.

## Limits
It was trained on {sum(s["examples"] for s in record["sessions"]):,} pictures, which are few.
It knows Miniworld's things, stuff and words and nothing else.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target


def _beginning(data: Mapping[str, int]) -> str:
    if "steps_before" not in data:
        return "It began at random."
    steps = data["steps_before"]
    return f"It began as an adapter that had learned present names alone for {steps:,} steps."


def _negatives(config: Mapping[str, float]) -> str:
    if not config["negatives"]:
        return "Only names of what a picture shows were asked, as in the paper."
    return (
        f"For each present name {config['negatives']:g} absent one was asked, on average: SAM 2's "
        f"object score is to be\nhigh for matched queries and low for all queries of absent names "
        f"(cross-entropy x {config['presence_weight']:g}), and\nlow for unmatched queries at "
        f"{config['unmatched_weight']:g} of that weight. The paper asks present names only and "
        "ignores the\nobject score."
    )
