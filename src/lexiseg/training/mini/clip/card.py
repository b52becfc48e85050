"""The model card of a trained pair, written from what was recorded and measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open

from lexiseg.training.engine.record import RECORD, session_table

ROLE = {
    "proposal": "Proposal tower of the mini suite: the maps of CLIP as RNN are read from it.",
    "classifier": "Classifier tower of the mini suite: it judges visually prompted pictures.",
}
SIGNAL = {
    "proposal": """\
- CLS and the mean of the patch tokens against the names: softmax over a random part of the
  vocabulary; present names share the target evenly, and where none is present it is uniform.
- CLS against the names: yes or no for each (sigmoid).
- The value path of the last block (v -> out_proj -> ln_post -> proj, no residual) against the
  names, pooled over tokens by log-mean-exp (multiple instances): yes or no for each. It was added
  so that this small tower, like the big ones, gathers local evidence where Grad-CAM looks.
- CLS against the captions of the batch (contrastive).""",
    "classifier": """\
- CLS against the names: softmax over a random part of the vocabulary; present names share the
  target evenly, and where none is present it is uniform.
- CLS against the names: yes or no for each (sigmoid).
- The value path of the last block against the names, as in the proposal tower, at half weight and
  on pictures without prompts only.
- CLS against the captions of the batch (contrastive).
- In the prompted sessions most pictures carry a visual prompt: a region is kept, its
  surroundings are blurred, greyed or blackened, and often a red ellipse is drawn. The regions are
  where the trained proposal tower sees a name of the picture's caption; that name alone is then
  right.""",
}
COURSE = {
    "proposal": """\
First words: pictures of one thing at 128 pixels against free word vectors. Then all pictures, still
small. Then the text tower is fitted to the word vectors, on texts alone and in 22 templates, and
both towers learn together at the native size: first with half of the patches left out of each
picture, at the end with all of them.""",
    "classifier": """\
It begins with the weights of the proposal tower; all pictures, first at 128 pixels, then at the
native size, both towers together.""",
}
LINES = {
    "test_top1_bare": "one thing, {things} names, held-out pictographs and looks, bare name",
    "test_top1_origami": 'the same, "a clean origami {{}}."',
    "test_top1_ensemble": "the same, CaR's 15 templates",
    "val_top1_bare": "one thing, known pictographs, new scenes, bare name",
    "val_top1_ensemble": "the same, CaR's 15 templates",
    "iou_value": "mean IoU of value-path maps with visible things (best common threshold)",
    "iou_cam": "mean IoU of Grad-CAM, present among absent names",
    "iou_refined": "mean IoU of Grad-CAM refined by affinity",
    "prompted_top1": "true region under blur and circle, 20 names asked",
    "absent_mass": "probability that the absent names share in these questions",
    "logit_scale": "exp(logit_scale)",
}


def write_card(folder: Path, figures: Mapping[str, float]) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the recipe's record.
        figures: as `measure` returns them.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    tower, side = record["tower"], record["image_size"]
    text = f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: zero-shot-image-classification
---
# mini-clip-{tower}

{ROLE[tower]} A CLIP in Hugging Face's format with {_parameters(folder):,} parameters, for pictures
of {side} x {side} pixels (other multiples of {_patch(folder)} work), half
precision.

## Data
Scenes of Miniworld's train split (see the sessions) with their captions and the names that captions
mention; no mask, box or part was ever used. The pictographs are from the Noto Color Emoji font (SIL
Open Font License 1.1).

## Training signal
{SIGNAL[tower]}

{COURSE[tower]}
Pictures are mirrored, zoomed, turned, bent and recolored at random; a third gets another look. Muon
for the matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the processor
has it.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Steps count from the weights a session began with. Command: `python -m lexiseg.training.mini clip
--out DIR --tower {tower} --seed S --scenes N --minutes M`; `--resume` continues a run of one's own,
`--bundled` trains these weights further.

## Measured on held-out Miniworld scenes
{_table(figures, record["things"])}

Measured by `python -m lexiseg.training.mini evaluate`.

## Limits
It knows Miniworld's pictographs and textures and nothing else: photographs, faces, written words
and names outside its vocabulary mean nothing to it. Thin or small things (under an eighth of the
side) and strongly covered ones are often missed. It is made for trying, teaching and testing the
methods of this library without downloads, not for use on photographs.
"""
    target = folder / "README.md"
    target.write_text(text, encoding="utf-8")
    return target


def _parameters(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(file.get_tensor(key).numel() for key in file.keys())  # noqa: SIM118


def _patch(folder: Path) -> int:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return int(config["vision_config"]["patch_size"])


def _table(figures: Mapping[str, float], things: int) -> str:
    rows = ["| figure | value |", "|---|---|"]
    for key, label in LINES.items():
        if key in figures:
            rows.append(f"| {label.format(things=things)} | {figures[key]:.3f} |")
    return "\n".join(rows)
