"""Tiny FC-CLIPs and MAFT+s with random weights, in the published names."""

from __future__ import annotations

from pathlib import Path

import torch

from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import ConvClipConfig, ConvNextConfig, ResNetConfig
from lexiseg.models.fc_clip import (
    ContentTransfer,
    HeadConfig,
    ProposalNetwork,
    save_proposal_model,
)
from tests.models.published_detectors import clip_tokenizer

CONVNEXT = ConvNextConfig((8, 16, 24, 32), (1, 2, 2, 1), embed_dim=20, hidden=40, image_size=64)
RESNET = ResNetConfig((1, 2, 1, 1), width=8, heads=4, embed_dim=20, image_size=64)
HEAD = {"width": 32, "embed_dim": 20, "queries": 7, "encoder_layers": 2, "encoder_heads": 4}
DEPTHS = {"encoder_hidden": 48, "decoder_layers": 4, "decoder_hidden": 40, "decoder_heads": 8}
TEXT = {"width": 64, "layers": 2, "heads": 1, "context": 24, "embed_dim": 20}


def head_config(channels=CONVNEXT.widths, **options) -> HeadConfig:
    return HeadConfig(channels, **{**HEAD, **DEPTHS, **options})


def make_proposer(
    vision=CONVNEXT, transfer: str | None = None, seed: int = 0, vocabulary: int = 520
) -> ProposalNetwork:
    """Weights large enough that masks and classes differ, with norms around one."""
    torch.manual_seed(seed)
    activation = "gelu" if isinstance(vision, ConvNextConfig) else "quick_gelu"
    text = TextConfig(**TEXT, vocabulary=vocabulary, activation=activation)
    channels = vision.widths if isinstance(vision, ConvNextConfig) else vision.channels
    moved = ContentTransfer(20, transfer, heads=4) if transfer else None
    network = ProposalNetwork(ConvClipConfig(vision, text), head_config(channels), moved)
    for name, tensor in network.state_dict().items():
        if not tensor.ndim:
            continue
        is_clip = name.startswith("clip.")
        noise = torch.randn(tensor.shape)
        if name.endswith(("running_var", "gamma")) or ("norm" in name and name.endswith("weight")):
            tensor.copy_(0.5 + 0.5 * torch.rand(tensor.shape))
        elif is_clip:
            tensor.copy_(noise / max(1, tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(0.3 * noise)
    return network.eval().requires_grad_(False)


def make_fc_clip(folder: Path, transfer: str | None = None) -> ProposalNetwork:
    network = make_proposer(transfer=transfer, vocabulary=clip_tokenizer(folder))
    save_proposal_model(network, folder)
    return network


def make_maft_plus(folder: Path) -> ProposalNetwork:
    return make_fc_clip(folder, "panoptic")
