"""SAM 2 for OpenWorldSAM: its preprocessing, and the release it must be of."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lexiseg.errors import CheckpointError
from lexiseg.models.openworldsam import load_sam2, refuse_sam21
from tests.models.tiny_openworldsam import SIDE, make_sam2

MEAN = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
STD = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)


@pytest.mark.parametrize("shape", [(50, 90), (300, 201), (3, 1)])
def test_pictures_are_squashed_in_whole_gray_levels_without_antialiasing(tmp_path, shape):
    make_sam2(tmp_path / "sam2")
    prepare = load_sam2(tmp_path / "sam2", "cpu", "float32").preprocessing
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels = prepare(image)[0]
    assert pixels.shape == (3, SIDE, SIDE)
    levels = pixels * STD + MEAN
    assert (levels - levels.round()).abs().max() < 1e-3
    exact = torch.nn.functional.interpolate(
        torch.from_numpy(image).permute(2, 0, 1)[None].float(), (SIDE, SIDE), mode="bilinear"
    )[0]
    assert (levels - exact).abs().max() < 1  # rows and columns are rounded one after the other


def test_the_second_release_is_refused_by_name_and_by_settings(tmp_path):
    for name in ("sam2.1-large", "facebook/sam2.1-hiera-large", "sam2.1_hiera_large.pt"):
        with pytest.raises(CheckpointError, match=r"holds SAM 2\.1.*give sam2-large"):
            refuse_sam21(name)
    for name in ("sam2-large", "facebook/sam2-hiera-large", "sam2_hiera_large.pt", "mini-sam2"):
        refuse_sam21(name)
    make_sam2(tmp_path / "renamed")
    config = tmp_path / "renamed" / "config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "enable_occlusion_spatial_embedding": True}))
    with pytest.raises(CheckpointError, match=r"renamed holds SAM 2\.1"):
        load_sam2(tmp_path / "renamed", "cpu")
