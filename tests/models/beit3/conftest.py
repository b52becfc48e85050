"""Small random BEiT-3s in the published key layout."""

from __future__ import annotations

import pytest
import torch

from lexiseg.models.beit3 import Beit3Config, Beit3Network

TINY = Beit3Config(32, 3, 4, 48, 48, 16, vocabulary=60, text_positions=20)


@pytest.fixture
def network() -> Beit3Network:
    torch.manual_seed(0)
    built = Beit3Network(TINY).eval()
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
