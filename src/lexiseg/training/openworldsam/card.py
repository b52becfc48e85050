"""The model card of a trained adapter, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lexiseg.config import flatten
from lexiseg.io.output_file import write_text
from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.openworldsam.curve import read_curve

CARD = "README.md"
FIGURES = {
    "val_matched_iou": "mean IoU of every object with the query that it is matched with",
    "val_chosen_iou": "mean IoU of the query with the highest predicted IoU with its best object",
    "val_present_kept": "share of present texts with a query that says there is an object",
    "val_absent_refused": "share of absent texts of which no query says so",
}


def write_card(folder: Path) -> Path:
    """Write README.md into the folder of a run that has ended.

    Args:
        folder: with the record and the curve.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    text = f"""---
license: other
library_name: lexiseg
pipeline_tag: image-segmentation
---
# An adapter of OpenWorldSAM

{record["parameters"]:,} trained numbers between two frozen networks. Use it with the same ones;
where they are not those of the preset, add `--set sam2=... --set beit3=...`:

    lexiseg segment photo.jpg -t NAME --method openworldsam --set adapter=THIS_FOLDER

## Frozen networks
{_listed(record["networks"])}

## Data
{_listed(record["data"])}

{_sentence(record["left_out"])}

## Settings
{_listed(flatten({"training": record["config"], "adapter": record["adapter"]}))}

## Sessions
{session_table(record["sessions"], "pictures", "pictures seen")}

## Figures
{_figures(folder, record["best"])}

The curve is in `curve.csv`.
"""
    return write_text(folder / CARD, text)


def _listed(entries: Mapping[str, object]) -> str:
    return "\n".join(f"* {name}: {value}" for name, value in entries.items())


def _sentence(left_out: int) -> str:
    if not left_out:
        return "No record was left out."
    return f"{left_out} records were left out as damaged; `left_out.txt` names each."


def _figures(folder: Path, best: Mapping[str, float]) -> str:
    """The row of the curve that the adapter in the folder belongs to."""
    row = next((row for row in read_curve(folder) if row["step"] == best["step"]), {})
    known = {name: line for name, line in FIGURES.items() if name in row}
    if not known:
        return "Nothing was held out, so nothing was measured; the adapter is the last one."
    lines = [f"| {line} | {row[name]:.3f} |" for name, line in known.items()]
    head = f"On held-out pictures at step {best['step']}, the best of the run, at the masks' size:"
    return "\n".join([head, "", "| figure | value |", "|---|---|", *lines])
