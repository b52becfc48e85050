"""What the small DINO's keys are worth on held-out scenes, beside two baselines; its model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import ViTConfig, ViTModel

from lexiseg.models.dino import Dino
from lexiseg.training.engine.record import RECORD, session_table
from lexiseg.training.mini.dino.learner import DinoTraining
from lexiseg.training.mini.dino.measure import (
    MEASURE_SEED,
    Features,
    color_features,
    held_out,
    key_features,
    measure_features,
)
from lexiseg.training.mini.dino.network import load_backbone

STRIDE = 4  # pixels, at 224 x 224
LABELS = {
    "keys": f"keys, stride {STRIDE}",
    "coarse_keys": "keys, stride 8",
    "random": "keys of an untrained network, stride 8",
    "colors": "mean colors of 8 x 8 pixels",
}
Figures = Mapping[str, Mapping[str, float]]


def measure_dino(folder: Path, scenes: int) -> dict[str, dict[str, float]]:
    """Fit of Ward clusters of each kind of feature to the visible regions of test scenes.

    Args:
        folder: a ViT in Hugging Face's format.
        scenes: how many.

    Returns:
        Kind of feature (`LABELS`) -> figures of `measure_features`.
    """
    chosen = held_out("test", scenes, MEASURE_SEED)
    kinds = tqdm(_features(folder).items(), "clusters")
    return {kind: measure_features(features, chosen) for kind, features in kinds}


def _features(folder: Path) -> dict[str, Features]:
    trained = Dino.load(folder, dtype="float32")
    torch.manual_seed(0)
    untrained = ViTModel(ViTConfig.from_pretrained(folder), add_pooling_layer=False)

    def fine(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        keys = trained.describe_patches(image, STRIDE)
        return F.normalize(keys, dim=-1).cpu().numpy()

    return {
        "keys": fine,
        "coarse_keys": key_features(load_backbone(folder)),
        "random": key_features(untrained),
        "colors": color_features(),
    }


def write_dino_card(folder: Path, figures: Figures, scenes: int) -> Path:
    """Write README.md beside the weights.

    Args:
        folder: weights with the record of their training.
        figures: as `measure_dino` returns them.
        scenes: how many they were measured on.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = load_backbone(folder)
    plan = DinoTraining()
    target = folder / "README.md"
    text = f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-feature-extraction
---
# mini-dino

Self-supervised encoder of the mini suite: zero-guidance segmentation clusters its keys. A vision
transformer in Hugging Face's ViT format, as DINO's, with {model.num_parameters():,} parameters
({config["num_hidden_layers"]} blocks of width {config["hidden_size"]},
{config["num_attention_heads"]} heads, patches of {config["patch_size"]} x {config["patch_size"]}
pixels, positions for {config["image_size"]} x {config["image_size"]} pixels), half precision. It is
the teacher at the end of training; the heads are left out.

## Data
The pictures of scenes of Miniworld's train split (see the sessions). Neither
names nor captions, masks or boxes were used. The pictographs are from the Noto Color Emoji font
(SIL Open Font License 1.1).

## Training signal
Multi-crop: two global views of {plan.global_size} x {plan.global_size} pixels and {plan.locals}
local views of {plan.local_size} x {plan.local_size} per picture, mirrored and recolored; the
student sees {plan.kept:.0%} of the patches of a global view. The teacher is a moving average of the
student and sees the whole global views.
- DINO on the class token: the student's prototype scores follow the teacher's, which are centred
  and sharpened, from every view to every other global view.
- The same on the keys of the last block, place by place where two views overlap, with
  {plan.key_prototypes} prototypes in the space of the keys themselves. The teacher's assignments
  are balanced over all prototypes (Sinkhorn-Knopp) and shared among patches with similar keys. It
  was added so that this small network, like the big ones after their much longer training, keeps in
  its keys what a place shows: zero-guidance segmentation reads nothing else.

Muon for the matrices of the blocks, AdamW for the rest, cosine schedule, bfloat16 where the
processor has it.

## Sessions
{session_table(record["sessions"], "scenes", "pictures")}

Steps count from the weights a session began with. Command: `python -m lexiseg.training.mini dino
--out DIR --seed S --scenes N --minutes M`; `--resume` continues a run of one's own, `--bundled`
trains these weights further.

## Measured on held-out Miniworld scenes
Ward's tree over all patches of a picture (held-out pictographs and looks, two to six things); for
every name that is visible, the IoU of its region with the best node among the first 19 splits.
Colors are the baseline that needs no training.

{_table(figures)}

Measured by `python -m lexiseg.training.mini evaluate-dino DIR --scenes {scenes}`.

## Limits
It has seen Miniworld's pictographs and textures and nothing else. A thing of several strong colors
often falls into parts, and things of one color into one cluster; a cell is {STRIDE} or 8 pixels
wide, so thin things and borders are coarse. It is made for trying, teaching and testing the methods
of this library without downloads, not for use on photographs.
"""
    target.write_text(text, encoding="utf-8")
    return target


def _table(figures: Figures) -> str:
    rows = ["| features | things, mean IoU | things above 0.5 | stuff, mean IoU |"]
    rows += ["|---|---|---|---|"]
    for kind, label in LABELS.items():
        fit = figures[kind]
        rows.append(
            f"| {label} | {fit['things_iou']:.3f} | {fit['things_found']:.3f} "
            f"| {fit['stuff_iou']:.3f} |"
        )
    return "\n".join(rows)
