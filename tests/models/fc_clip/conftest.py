"""Tiny FC-CLIPs and MAFT+s."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from lexiseg.models.conv_clip import ConvClipConfig
from lexiseg.models.fc_clip import ContentTransfer, HeadConfig, ProposalNetwork
from tests.models.clip.conftest import tokenizer_folder
from tests.models.conv_clip.conftest import CONVNEXT, RESNET, make_network

__all__ = ["tokenizer_folder"]


def head_config(channels=CONVNEXT.widths, **options) -> HeadConfig:
    sizes = {"width": 32, "embed_dim": 20, "queries": 7, "encoder_layers": 2, "encoder_heads": 4}
    more = {"encoder_hidden": 48, "decoder_layers": 4, "decoder_hidden": 40, "decoder_heads": 8}
    return HeadConfig(channels, **{**sizes, **more, **options})


def make_proposer(vision=CONVNEXT, transfer: str | None = None, seed: int = 0) -> ProposalNetwork:
    """Weights large enough that masks and classes differ."""
    clip = make_network(vision, seed)
    config: ConvClipConfig = clip.config
    moved = ContentTransfer(20, transfer, heads=4) if transfer else None
    network = ProposalNetwork(config, head_config(clip.visual.channels), moved)
    network.clip = clip
    torch.manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not name.startswith("clip.") and tensor.ndim:
            tensor.copy_(tensor.nan_to_num() * 0 + 0.3 * torch.randn(tensor.shape))
            if "norm" in name and name.endswith("weight"):
                tensor += 1
    return network.eval().requires_grad_(False)


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
