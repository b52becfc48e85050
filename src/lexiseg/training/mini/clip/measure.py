"""What a trained pair is worth on held-out scenes: pictographs and looks it has never seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lexiseg.datasets.miniworld import Miniworld, WorldScene
from lexiseg.methods.car.config import CarConfig, VisualPrompt
from lexiseg.methods.car.proposals import ProposalGenerator, enlarge
from lexiseg.methods.car.scene import Scene as EncodedScene
from lexiseg.methods.car.scene import encode_scene
from lexiseg.methods.car.visual_prompts import draw_prompts, surroundings
from lexiseg.models.clip import Clip
from lexiseg.models.conv_clip import ConvClip
from lexiseg.training.mini.clip.towers import read

MEASURE_SEED = 2024  # neither training nor watching uses these scenes
THRESHOLDS = torch.arange(0.1, 0.95, 0.05)
ORIGAMI = "a clean origami {}."
PROMPTS: tuple[VisualPrompt, ...] = ("blur", "circle")


@dataclass(frozen=True)
class Sample:
    """How much to measure."""

    single: int = 500  # scenes with one thing
    several: int = 100  # scenes with two to six
    vocabulary: int = 20  # names asked per scene, most of them absent


@torch.no_grad()
def measure(folder: Path, sample: Sample) -> dict[str, float]:
    """Measure a pair in Hugging Face's CLIP format.

    Returns:
        top1_*: share of single things named right among all thing names, with bare names, with one
        template and with the template ensemble, on the test and on the val split.
        iou_*: mean IoU of a present thing's map with its visible region, at the best common
        threshold, for the value path, Grad-CAM and Grad-CAM refined by affinity.
        prompted_top1: share of true regions, marked by blur and circle, named right among
        `vocabulary` names.
        absent_mass: mean probability that all absent names share in these questions.
    """
    clip = Clip.load(folder)
    result: dict[str, float] = {"logit_scale": clip.logit_scale}
    for split in ("test", "val"):
        result |= {f"{split}_{k}": v for k, v in naming(clip, split, sample.single).items()}
    result |= localization(clip, sample)
    result |= prompted(clip, sample)
    return {name: round(value, 4) for name, value in result.items()}


def scenes(split: str, things: tuple[int, int]) -> Iterator[WorldScene]:
    """Endless held-out scenes with at least one visible thing."""
    world = Miniworld(split, seed=MEASURE_SEED, things=things)
    return (scene for scene in world if any(o.visible for o in scene.objects))


def naming(clip: Clip, split: str, count_: int) -> dict[str, float]:
    """Top-1 accuracy on single things among all thing names."""
    chosen = list(islice(scenes(split, (1, 1)), count_))
    names = Miniworld(split).thing_names
    truth = torch.tensor([names.index(scene.objects[0].name) for scene in chosen])
    images = F.normalize(image_features(clip, [scene.image for scene in chosen]), dim=-1)
    wordings = {"bare": ("{}",), "origami": (ORIGAMI,), "ensemble": CarConfig().templates}
    result = {}
    for wording, templates in wordings.items():
        chances = sum(
            (clip.logit_scale * images @ texts(clip, names, template).T).softmax(dim=1)
            for template in templates
        )
        assert isinstance(chances, Tensor)
        result[f"top1_{wording}"] = float((chances.argmax(dim=1) == truth).float().mean())
    return result


def texts(clip: Clip | ConvClip, names: Sequence[str], template: str) -> Tensor:
    """Unit features (N, E) of names in a template."""
    return F.normalize(clip.text_features([template.format(name) for name in names]), dim=-1).cpu()


def image_features(
    clip: Clip | ConvClip, images: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]
) -> Tensor:
    """CLS features (N, E) of pictures, at the pair's native size."""
    parts = [
        clip.image_features(clip.preprocessing.squares(images[k : k + 32])).cpu()
        for k in range(0, len(images), 32)
    ]
    return torch.cat(parts)


def vocabulary(scene: WorldScene, size: int) -> tuple[list[str], int]:
    """Visible things first, then absent names up to `size`; and how many are visible."""
    present = list(dict.fromkeys(o.name for o in scene.objects if o.visible))
    hidden = {o.name for o in scene.objects}
    absent = [n for n in scene.absent(size) if n not in hidden and n not in scene.stuff]
    return [*present, *absent][:size], len(present)


def localization(clip: Clip, sample: Sample) -> dict[str, float]:
    """Mean IoU of maps with visible regions, per kind of map."""
    overlaps: dict[str, list[Tensor]] = {"iou_value": [], "iou_cam": [], "iou_refined": []}
    config = CarConfig()
    generator = ProposalGenerator(clip, config)
    chosen = islice(scenes("test", (2, 6)), sample.several)
    for scene in tqdm(chosen, "maps", sample.several):
        names, present = vocabulary(scene, sample.vocabulary)
        true = torch.from_numpy(np.stack([_region(scene, name) for name in names[:present]]))
        encoded = encode_scene(scene.image, clip, config)
        queries = generator.text_embeddings(names, "{}")
        others = generator.text_embeddings(scene.stuff, ORIGAMI)
        cams, _ = generator.activation_maps(encoded, queries, others)
        maps = {
            "iou_value": _value_maps(clip, scene, queries[:present]),
            "iou_cam": cams[:present],
            "iou_refined": generator.spread(encoded, cams)[:present],
        }
        for kind, soft in maps.items():
            overlaps[kind].append(_overlap(encoded, soft, true))
    means = {kind: torch.cat(found).mean(dim=0) for kind, found in overlaps.items()}
    return {kind: float(mean.max()) for kind, mean in means.items()}


def _region(scene: WorldScene, name: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.any([o.mask for o in scene.objects if o.name == name], axis=0)
    return found


def _value_maps(clip: Clip, scene: WorldScene, queries: Tensor) -> Tensor:
    pixels = clip.preprocessing.normalize(scene.image).to(clip.device, clip.dtype)
    value = F.normalize(read(clip.visual, pixels).value[0], dim=-1)
    heat = queries @ value.T
    low, high = heat.amin(1, keepdim=True), heat.amax(1, keepdim=True)
    return (heat - low) / (high - low + 1e-6)


def _overlap(encoded: EncodedScene, soft: Tensor, true: Tensor) -> Tensor:
    """IoU (N, thresholds) of maps on the patch grid with regions (N, H, W)."""
    maps = enlarge(soft.float().cpu(), encoded.grid_hw, encoded.canvas_hw)
    cut = maps[:, None] > THRESHOLDS[:, None, None]
    both, either = (cut & true[:, None]).sum((2, 3)), (cut | true[:, None]).sum((2, 3))
    return both / either.clamp(min=1)


def prompted(clip: Clip, sample: Sample) -> dict[str, float]:
    """Accuracy on true regions under visual prompts, and what absent names get."""
    right, mass = [], []
    for scene in tqdm(islice(scenes("test", (2, 6)), sample.several), "prompts", sample.several):
        names, present = vocabulary(scene, sample.vocabulary)
        around = surroundings(scene.image, PROMPTS)
        drawn = [
            draw_prompts(scene.image, around, _region(scene, name), PROMPTS)
            for name in names[:present]
        ]
        images = F.normalize(image_features(clip, drawn), dim=-1)
        chance = (clip.logit_scale * images @ texts(clip, names, ORIGAMI).T).softmax(dim=1)
        right.append(chance.argmax(dim=1) == torch.arange(present))
        mass.append(chance[:, present:].sum(dim=1))
    return {
        "prompted_top1": float(torch.cat(right).float().mean()),
        "absent_mass": float(torch.cat(mass).mean()),
    }
