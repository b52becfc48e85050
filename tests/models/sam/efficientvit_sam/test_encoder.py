from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lexiseg.models.sam.efficientvit_sam.config import EFFICIENTVIT_SAM
from lexiseg.models.sam.efficientvit_sam.encoder import EfficientVitEncoder
from lexiseg.models.sam.efficientvit_sam.linear_attention import LinearAttention
from tests.models.published_layout import (
    TINY_EFFICIENTVIT,
    assert_folding_changes_nothing,
    randomize,
)

State = Mapping[str, Tensor]


def layer(state: State, stem: str, maps: Tensor, stride: int = 1, act: bool = True) -> Tensor:
    """Convolution, then whatever the file holds for it."""
    weight, bias = state[f"{stem}.conv.weight"], state.get(f"{stem}.conv.bias")
    groups = maps.shape[1] // weight.shape[1]
    maps = F.conv2d(maps, weight, bias, stride, weight.shape[-1] // 2, groups=groups)
    if f"{stem}.norm.weight" in state:
        assert bias is None
        rows = (state[f"{stem}.norm.{name}"] for name in ("running_mean", "running_var"))
        mean, variance = (row[:, None, None] for row in rows)
        maps = (maps - mean) / (variance + 1e-6).sqrt()
        maps = maps * state[f"{stem}.norm.weight"][:, None, None]
        maps = maps + state[f"{stem}.norm.bias"][:, None, None]
    return F.gelu(maps, approximate="tanh") if act else maps


def residual(state: State, stem: str, maps: Tensor, stride: int = 1) -> Tensor:
    return layer(state, f"{stem}.conv2", layer(state, f"{stem}.conv1", maps, stride), act=False)


def fused(state: State, stem: str, maps: Tensor, stride: int = 1) -> Tensor:
    hidden = layer(state, f"{stem}.spatial_conv", maps, stride)
    return layer(state, f"{stem}.point_conv", hidden, act=False)


def bottleneck(state: State, stem: str, maps: Tensor, stride: int = 1) -> Tensor:
    hidden = layer(state, f"{stem}.inverted_conv", maps)
    hidden = layer(state, f"{stem}.depth_conv", hidden, stride)
    return layer(state, f"{stem}.point_conv", hidden, act=False)


def attention(state: State, stem: str, maps: Tensor) -> Tensor:
    module = LinearAttention(16, 4, 3)
    stem = f"{stem}.context_module.main."
    module.load_state_dict({k.removeprefix(stem): v for k, v in state.items() if stem in k})
    return module.eval()(maps)


def encode_slowly(state: State, pixels: Tensor) -> Tensor:
    """The encoder written out from published keys, for the tiny sizes."""
    stages = [f"backbone.stages.{n}.op_list" for n in range(5)]
    maps = layer(state, f"{stages[0]}.0", pixels, 2)
    maps = maps + residual(state, f"{stages[0]}.1.main", maps)
    maps = fused(state, f"{stages[1]}.0.main", maps, 2)
    maps = maps + fused(state, f"{stages[1]}.1.main", maps)
    maps = bottleneck(state, f"{stages[2]}.0.main", maps, 2)
    third = maps + bottleneck(state, f"{stages[2]}.1.main", maps)
    outputs = [third]
    for stage in stages[3:]:
        maps = bottleneck(state, f"{stage}.0.main", outputs[-1], 2)
        maps = maps + attention(state, f"{stage}.1", maps)
        outputs.append(maps + bottleneck(state, f"{stage}.1.local_module.main", maps))
    total = torch.zeros(1)
    for number, maps in enumerate(reversed(outputs)):
        brought = layer(state, f"neck.input_ops.{number}.op_list.0", maps, act=False)
        total = total + nn.Upsample((8, 8), mode="bicubic", align_corners=False)(brought)
    for number in range(2):
        total = total + fused(state, f"neck.middle.op_list.{number}.main", total)
    maps = layer(state, "neck.output_ops.0.op_list.0", total, act=False)
    centered = maps - maps.mean(1, keepdim=True)
    scaled = centered / (centered.square().mean(1, keepdim=True) + 1e-6).sqrt()
    return scaled * state["norm.weight"][:, None, None] + state["norm.bias"][:, None, None]


@torch.no_grad()
def test_encoder_equals_the_written_out_one():
    network = randomize(EfficientVitEncoder(TINY_EFFICIENTVIT))
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    wanted = encode_slowly(network.state_dict(), pixels)
    assert wanted.shape == (1, 16, 8, 8)
    torch.testing.assert_close(network(pixels), wanted, atol=5e-5, rtol=1e-4)


def test_folded_encoder_gives_the_same_features():
    network = randomize(EfficientVitEncoder(TINY_EFFICIENTVIT))
    assert_folding_changes_nothing(network, torch.randn(2, 3, 64, 64))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_every_normalization_has_the_papers_eps():
    network = EfficientVitEncoder(TINY_EFFICIENTVIT)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.LayerNorm)]
    assert norms
    assert {norm.eps for norm in norms} == {1e-6}


@torch.no_grad()
@pytest.mark.parametrize("variant", ["l0", "xl0"])  # one of each kind
def test_published_sizes_give_64_cells(variant):
    config = EFFICIENTVIT_SAM[variant]
    with torch.device("meta"):
        network = EfficientVitEncoder(config).eval()
        features = network(torch.zeros(1, 3, config.image_side, config.image_side))
    assert features.shape == (1, 256, 64, 64)
