"""Tiny FC-CLIPs and MAFT+s."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lexiseg.models.fc_clip import ProposalNetwork
from tests.models.clip.conftest import tokenizer_folder
from tests.models.published_fc_clip import CONVNEXT, RESNET, make_proposer

__all__ = ["tokenizer_folder"]


@pytest.fixture(params=["convnext", "resnet", "panoptic", "semantic"])
def network(request: pytest.FixtureRequest) -> ProposalNetwork:
    if request.param in ("panoptic", "semantic"):
        return make_proposer(transfer=request.param)
    return make_proposer(RESNET if request.param == "resnet" else CONVNEXT)


@pytest.fixture
def folder(tmp_path: Path, tokenizer_folder: Path) -> Path:
    """An empty folder but for a tokenizer."""
    for file in tokenizer_folder.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path
