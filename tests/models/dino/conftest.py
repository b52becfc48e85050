"""Tiny random networks of the whole family, as transformers builds them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    ViTConfig,
    ViTModel,
)

SIZES: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
PLAIN = {**SIZES, "intermediate_size": 40}
KINDS: dict[str, Any] = {
    "v1": lambda: ViTModel(ViTConfig(**PLAIN), add_pooling_layer=False),
    "v1 with pooler": lambda: ViTModel(ViTConfig(**PLAIN)),
    "v2": lambda: Dinov2Model(Dinov2Config(**SIZES)),
    "v2 gated": lambda: Dinov2Model(Dinov2Config(**SIZES, use_swiglu_ffn=True)),
    "v2 registers": lambda: Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES)),
    "v3": lambda: DINOv3ViTModel(DINOv3ViTConfig(**PLAIN, num_register_tokens=4)),
    "v3 gated": lambda: DINOv3ViTModel(
        DINOv3ViTConfig(
            **PLAIN, num_register_tokens=2, use_gated_mlp=True, hidden_act="silu", query_bias=False
        )
    ),
}


def build_reference(kind: str) -> Any:
    """A network whose every parameter matters."""
    torch.manual_seed(0)
    model = KINDS[kind]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


@pytest.fixture(params=list(KINDS))
def reference(request) -> Any:
    return build_reference(request.param)


@pytest.fixture
def reference_of() -> Any:
    return build_reference
