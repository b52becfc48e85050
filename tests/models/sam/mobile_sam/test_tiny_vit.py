from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from lexiseg.models.sam.mobile_sam.config import MOBILE_SAM
from lexiseg.models.sam.mobile_sam.tiny_vit import TinyVit
from lexiseg.models.sam.mobile_sam.window_attention import WindowAttention
from tests.models.published_layout import TINY_VIT, assert_folding_changes_nothing, randomize

State = Mapping[str, Tensor]


def conv_norm(state: State, stem: str, maps: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{stem}.c.weight"]
    groups = maps.shape[1] // weight.shape[1]
    maps = F.conv2d(maps, weight, None, stride, weight.shape[-1] // 2, groups=groups)
    mean, variance = state[f"{stem}.bn.running_mean"], state[f"{stem}.bn.running_var"]
    scaled = (maps - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    return (
        scaled * state[f"{stem}.bn.weight"][:, None, None] + state[f"{stem}.bn.bias"][:, None, None]
    )


def three_convs(state: State, stem: str, maps: Tensor, stride: int = 1) -> Tensor:
    maps = F.gelu(conv_norm(state, f"{stem}.conv1", maps))
    maps = F.gelu(conv_norm(state, f"{stem}.conv2", maps, stride))
    return conv_norm(state, f"{stem}.conv3", maps)


def window_block(state: State, stem: str, maps: Tensor, heads: int, window: int) -> Tensor:
    """Attention window by window; cells beyond the border are zeros that take part."""
    _, width, height, length = maps.shape
    attention = WindowAttention(width, heads, window)
    own = {k.removeprefix(f"{stem}.attn."): v for k, v in state.items() if f"{stem}.attn." in k}
    attention.load_state_dict(own)
    attended = torch.zeros_like(maps)
    for top in range(0, height, window):
        for left in range(0, length, window):
            part = maps[0, :, top : top + window, left : left + window]
            full = torch.zeros(width, window, window)
            full[:, : part.shape[1], : part.shape[2]] = part
            answer = attention(full.flatten(1).T[None])[0].T.reshape(width, window, window)
            inside = answer[:, : part.shape[1], : part.shape[2]]
            attended[0, :, top : top + window, left : left + window] = inside
    maps = conv_norm(state, f"{stem}.local_conv", maps + attended)
    tokens = maps[0].flatten(1).T
    hidden = F.layer_norm(tokens, (width,), state[f"{stem}.mlp.norm.weight"],
                          state[f"{stem}.mlp.norm.bias"])  # fmt: skip
    for name in ("fc1", "fc2"):
        hidden = hidden @ state[f"{stem}.mlp.{name}.weight"].T + state[f"{stem}.mlp.{name}.bias"]
        hidden = F.gelu(hidden) if name == "fc1" else hidden
    return maps + hidden.T.reshape(maps.shape)


def channel_norm(state: State, stem: str, maps: Tensor) -> Tensor:
    centered = maps - maps.mean(1, keepdim=True)
    scaled = centered / (centered.square().mean(1, keepdim=True) + 1e-6).sqrt()
    return scaled * state[f"{stem}.weight"][:, None, None] + state[f"{stem}.bias"][:, None, None]


def encode_slowly(state: State, pixels: Tensor) -> Tensor:
    """The encoder written out from published keys, for the tiny sizes."""
    maps = F.gelu(conv_norm(state, "patch_embed.seq.0", pixels, 2))
    maps = conv_norm(state, "patch_embed.seq.2", maps, 2)
    maps = F.gelu(maps + three_convs(state, "layers.0.blocks.0", maps))
    maps = three_convs(state, "layers.0.downsample", maps, 2)
    maps = window_block(state, "layers.1.blocks.0", maps, 2, 3)
    maps = window_block(state, "layers.1.blocks.1", maps, 2, 3)
    maps = three_convs(state, "layers.1.downsample", maps, 2)
    maps = window_block(state, "layers.2.blocks.0", maps, 3, 2)
    maps = three_convs(state, "layers.2.downsample", maps, 1)
    maps = window_block(state, "layers.3.blocks.0", maps, 2, 3)
    maps = channel_norm(state, "neck.1", F.conv2d(maps, state["neck.0.weight"]))
    return channel_norm(state, "neck.3", F.conv2d(maps, state["neck.2.weight"], padding=1))


@torch.no_grad()
def test_encoder_equals_the_written_out_one():
    network = randomize(TinyVit(TINY_VIT))
    pixels = torch.randn(1, 3, 64, 80, generator=torch.Generator().manual_seed(2))
    wanted = encode_slowly(network.state_dict(), pixels)
    assert wanted.shape == (1, 16, 4, 5)
    torch.testing.assert_close(network(pixels), wanted, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_images_of_a_batch_do_not_mix():
    network = randomize(TinyVit(TINY_VIT))
    pixels = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network(pixels)[1:], network(pixels[1:]), atol=1e-5, rtol=1e-4)


def test_folded_encoder_gives_the_same_features():
    assert_folding_changes_nothing(randomize(TinyVit(TINY_VIT)), torch.randn(1, 3, 64, 64))


@torch.no_grad()
def test_published_size_turns_1024_pixels_into_64_cells():
    with torch.device("meta"):
        network = TinyVit(MOBILE_SAM).eval()
        assert network(torch.zeros(1, 3, 1024, 1024)).shape == (1, 256, 64, 64)
    assert MOBILE_SAM.stride == 16
    assert sum(p.numel() for p in network.parameters()) == 5_743_892
