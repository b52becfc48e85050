"""Tiny convolutional CLIPs."""

from __future__ import annotations

import pytest
import torch

from lexiseg.models.clip import TextConfig
from lexiseg.models.conv_clip import (
    ConvClipConfig,
    ConvClipNetwork,
    ConvNextConfig,
    ResNetConfig,
)

CONVNEXT = ConvNextConfig((8, 16, 24, 32), (1, 2, 2, 1), embed_dim=20, hidden=40, image_size=64)
LINEAR = ConvNextConfig((8, 16, 24, 32), (1, 1, 1, 1), embed_dim=20, hidden=None, image_size=64)
# Heads of 64 channels, as published.
RESNET = ResNetConfig((1, 2, 1, 1), width=8, heads=4, embed_dim=20, image_size=64)
VISIONS = {"convnext": CONVNEXT, "linear head": LINEAR, "resnet": RESNET}


def make_network(vision: ConvNextConfig | ResNetConfig, seed: int = 0) -> ConvClipNetwork:
    """Norms, biases and running statistics differ from their starting values."""
    torch.manual_seed(seed)
    activation = "gelu" if isinstance(vision, ConvNextConfig) else "quick_gelu"
    text = TextConfig(
        width=64, layers=2, heads=1, context=24, vocabulary=520, embed_dim=20, activation=activation
    )
    network = ConvClipNetwork(ConvClipConfig(vision, text))
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 1:
            tensor += 0.2 * torch.rand_like(tensor)
        if name.endswith("gamma"):
            tensor.uniform_(0.2, 1)
    return network.eval().requires_grad_(False)


@pytest.fixture(params=sorted(VISIONS))
def network(request: pytest.FixtureRequest) -> ConvClipNetwork:
    return make_network(VISIONS[request.param])
