"""Tiny FC-CLIP and MAFT+."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.methods.mask_proposals import FcClip, MaftPlus
from tests.models.published_fc_clip import make_fc_clip, make_maft_plus

SMALL = {"short_side": 64, "long_side": 96, "device": "cpu", "dtype": "float32"}
NAMES = ("dog", "grass", "zebra", "red apple, apple")


@pytest.fixture(scope="session")
def fc_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fc-clip")
    make_fc_clip(folder)
    return folder


@pytest.fixture(scope="session")
def fc_clip(fc_clip_folder: Path) -> FcClip:
    return FcClip.load(weights=fc_clip_folder, **SMALL)


@pytest.fixture(scope="session")
def maft_plus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maft-plus")
    make_maft_plus(folder)
    return folder


@pytest.fixture(scope="session")
def maft_plus(maft_plus_folder: Path) -> MaftPlus:
    return MaftPlus.load(weights=maft_plus_folder, **SMALL)


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return coarse.repeat(9, axis=0).repeat(7, axis=1)
