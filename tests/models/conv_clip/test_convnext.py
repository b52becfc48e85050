"""The trunk equals transformers' ConvNeXt; the head is a few lines of plain maths."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from transformers import ConvNextConfig as TheirConfig
from transformers import ConvNextModel

from lexiseg.models.conv_clip import ConvNextTower
from lexiseg.ops.mask_pooling import pool_masks
from tests.models.conv_clip.conftest import CONVNEXT, LINEAR, make_network

NAMES = (
    (r"^trunk\.stem\.0", "embeddings.patch_embeddings"),
    (r"^trunk\.stem\.1", "embeddings.layernorm"),
    (r"^trunk\.stages\.", "encoder.stages."),
    (r"\.downsample\.", ".downsampling_layer."),
    (r"\.blocks\.", ".layers."),
    (r"\.gamma$", ".layer_scale_parameter"),
    (r"\.conv_dw\.", ".dwconv."),
    (r"\.norm\.", ".layernorm."),
    (r"\.mlp\.fc1", ".pwconv1"),
    (r"\.mlp\.fc2", ".pwconv2"),
    (r"^trunk\.head\.layernorm", "layernorm"),
)


def their_name(name: str) -> str:
    for pattern, theirs in NAMES:
        name = re.sub(pattern, theirs, name)
    return name


@pytest.fixture(scope="module")
def tower() -> ConvNextTower:
    return make_network(CONVNEXT).visual


def test_levels_equal_those_of_transformers(tower: ConvNextTower) -> None:
    config = TheirConfig(
        hidden_sizes=list(CONVNEXT.widths), depths=list(CONVNEXT.depths), layer_norm_eps=1e-6
    )
    theirs = ConvNextModel(config).eval()
    state = {n: t for n, t in tower.state_dict().items() if not n.startswith("head.")}
    theirs.load_state_dict({their_name(name): tensor for name, tensor in state.items()})
    pixels = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(pixels, output_hidden_states=True).hidden_states
    for ours, level in zip(tower.levels(pixels), expected[1:], strict=True):
        torch.testing.assert_close(ours, level, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("config", [CONVNEXT, LINEAR])
def test_head_averages_then_normalizes_then_projects(config) -> None:
    tower = make_network(config).visual
    pixels = torch.randn(1, 3, 64, 64)
    dense = tower.levels(pixels)[-1]
    state = tower.state_dict()
    norm = (state["trunk.head.norm.weight"], state["trunk.head.norm.bias"])
    normed = F.layer_norm(dense.mean(dim=(2, 3)), (32,), *norm, eps=1e-6)
    if config.hidden is None:
        expected = normed @ state["head.proj.weight"].T
    else:
        inner = normed @ state["head.mlp.fc1.weight"].T + state["head.mlp.fc1.bias"]
        expected = F.gelu(inner) @ state["head.mlp.fc2.weight"].T
    torch.testing.assert_close(tower(pixels), expected, atol=1e-5, rtol=1e-4)


def test_masks_and_cells_go_through_the_same_head(tower: ConvNextTower) -> None:
    torch.manual_seed(0)
    dense = tower.levels(torch.randn(1, 3, 64, 96))[-1]
    logits = torch.randn(1, 5, 16, 24)
    pooled = pool_masks(dense, logits)
    torch.testing.assert_close(tower.embed_masks(dense, logits), tower.embed(pooled))
    cells = tower.embed_cells(dense)
    torch.testing.assert_close(cells[0, :, 1, 2], tower.embed(dense[0, :, 1, 2]))
    whole = tower.embed_masks(dense, torch.ones(1, 1, 2, 3))[:, 0]
    torch.testing.assert_close(whole, tower.embed(dense.mean(dim=(2, 3))), atol=1e-5, rtol=1e-4)
