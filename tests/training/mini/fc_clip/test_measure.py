"""What the bundled small FC-CLIP can do, measured as its card says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lexiseg.datasets.miniature_panoptic import MiniworldSegments
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.methods.mask_proposals import FcClip
from lexiseg.models.bundled import bundled_folder
from lexiseg.ops.full_size_masks import FullSizeMasks
from lexiseg.training.mini.fc_clip.card import LINES, write_card
from lexiseg.training.mini.fc_clip.measure import fitting, measure_fc_clip


@pytest.fixture(scope="module")
def method() -> FcClip:
    return FcClip.load("mini", device="cpu")


# On 16 scenes of three other seeds: PQ .20 to .21 and .13 to .20, recall .73 to .78 and .68 to .84.
@pytest.mark.parametrize(("split", "pq", "recall"), [("val", 0.15, 0.62), ("test", 0.09, 0.58)])
def test_scenes_are_divided(method, split: str, pq: float, recall: float) -> None:
    figures = measure_fc_clip(method, 16, split)
    assert figures["pq"] > pq and figures["recall"] > recall
    assert figures["stuff"] > 0.35 > figures["things"] > 0


def test_a_segment_is_found_if_any_candidate_fits_it(method) -> None:
    """The slow twin looks at every pair of masks."""
    sample = MiniworldSegments(Miniworld("val", 96, seed=3, things=(2, 3)), 1)[0]
    scene = method.encode(sample.image)
    proposals = scene.proposals
    masks = FullSizeMasks(proposals.masks, proposals.frame)
    full = (masks.full(torch.arange(len(proposals))) > 0).numpy()
    slow = []
    for item in sample.segments:
        true = sample.ids == item.id
        ious = [(true & found).sum() / max(1, (true | found).sum()) for found in full]
        slow.append(max(ious) > 0.5)
    assert fitting(scene, sample) == slow


def test_the_card_was_written_from_measurements(method, tmp_path) -> None:
    folder = bundled_folder("mini-fc-clip")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(label in card for label in LINES.values()) and "Open Font License" in card
    for name in ("training.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    figures = measure_fc_clip(method, 2)
    again = write_card(tmp_path, {"test": figures}).read_text(encoding="utf-8")
    assert f"{figures['recall']:.3f}" in again and np.isfinite(figures["pq"])
