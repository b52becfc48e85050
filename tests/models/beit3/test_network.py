"""BEiT-3 against a slow twin that works token by token, and against the reference pack."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from lexiseg.models.beit3 import Beit3, Beit3Config, Beit3Network


def twin(network: Beit3Network, pixels, ids):
    """The published arithmetic for one picture and one text, one token and head at a time."""
    state, config = network.state_dict(), network.config
    rows, halves = [], []
    if pixels is not None:
        patches = F.conv2d(
            pixels,
            state["vision_embed.proj.weight"],
            state["vision_embed.proj.bias"],
            stride=config.patch_size,
        )
        vision = [state["vision_embed.cls_token"][0, 0], *patches[0].flatten(1).T]
        table = state["encoder.embed_positions.A.weight"]
        rows += [token + table[2 + place] for place, token in enumerate(vision)]
        halves += ["A"] * len(vision)
    if ids is not None:
        table = state["encoder.embed_positions.B.weight"]
        rows += [
            state["text_embed.weight"][number] + table[2 + place]
            for place, number in enumerate(ids)
        ]
        halves += ["B"] * len(ids)

    def linear(name, half, x):
        return state[f"{name}.{half}.weight"] @ x + state[f"{name}.{half}.bias"]

    def norm(name, x):
        return F.layer_norm(x, x.shape, state[f"{name}.weight"], state[f"{name}.bias"], 1e-5)

    width = config.width // config.heads
    for number in range(config.layers):
        at = f"encoder.layers.{number}"
        normed = [
            norm(f"{at}.self_attn_layer_norm.{h}", x) for h, x in zip(halves, rows, strict=True)
        ]
        query, key, value = (
            [
                linear(f"{at}.self_attn.{kind}_proj", h, x)
                for h, x in zip(halves, normed, strict=True)
            ]
            for kind in "qkv"
        )
        for place, half in enumerate(halves):
            mixed = []
            for head in range(config.heads):
                part = slice(head * width, (head + 1) * width)
                scores = torch.stack([query[place][part] @ k[part] for k in key])
                share = (scores / math.sqrt(width)).softmax(0)
                mixed.append(sum(s * v[part] for s, v in zip(share, value, strict=True)))
            inner = norm(f"{at}.self_attn.inner_attn_ln.{half}", torch.cat(mixed))
            rows[place] = rows[place] + linear(f"{at}.self_attn.out_proj", half, inner)
        for place, half in enumerate(halves):
            x = norm(f"{at}.final_layer_norm.{half}", rows[place])
            ffn = f"{at}.ffn.{half}"
            x = F.gelu(state[f"{ffn}.fc1.weight"] @ x + state[f"{ffn}.fc1.bias"])
            x = norm(f"{ffn}.ffn_layernorm", x)
            rows[place] = rows[place] + state[f"{ffn}.fc2.weight"] @ x + state[f"{ffn}.fc2.bias"]
    return torch.stack(
        [norm(f"encoder.layer_norm.{h}", x) for h, x in zip(halves, rows, strict=True)]
    )


@torch.no_grad()
@pytest.mark.parametrize(
    ("with_picture", "ids"), [(True, [0, 7, 9, 2]), (False, [0, 5, 2]), (True, None)]
)
def test_equals_the_twin(network, pixels, with_picture, ids):
    picture = pixels if with_picture else None
    tokens = None if ids is None else torch.tensor([ids])
    torch.testing.assert_close(
        network(picture, tokens)[0], twin(network, picture, ids), atol=2e-5, rtol=1e-4
    )


@torch.no_grad()
def test_padding_and_company_change_nothing(network, pixels):
    short = torch.tensor([[0, 7, 2]])
    together = torch.tensor([[0, 7, 2, 1, 1], [0, 3, 4, 5, 2]])
    padding = together == 1
    alone = network(pixels, short)
    joint = network(pixels, together, padding)
    torch.testing.assert_close(joint[:1, : alone.shape[1]], alone, atol=1e-5, rtol=1e-4)


def test_published_size_has_971_tensors():
    with torch.device("meta"):
        network = Beit3Network(Beit3Config())
    tensors = network.state_dict()
    assert len(tensors) == 971
    assert sum(tensor.numel() for tensor in tensors.values()) == 672_702_464
    assert tensors["encoder.embed_positions.A.weight"].shape == (199, 1024)
    assert tensors["encoder.layers.23.ffn.B.ffn_layernorm.weight"].shape == (4096,)


@torch.no_grad()
def test_reference_pack(shared):
    pack = shared / "reference" / "openworldsam"
    config = json.loads((pack / "config.json").read_text())
    arrays = np.load(pack / "arrays.npz")
    state = load_file(pack / "weights.safetensors")
    network = Beit3.from_state_dict(state, "cpu", "float32", heads=config["beit_heads"]).network
    for number in range(len(config["images"])):
        at = f"eval.img{number}"
        pixels = torch.from_numpy(arrays[f"in.img{number}.beit"]).float()[None]
        tokens = torch.from_numpy(arrays[f"{at}.tokens"]).long()
        padding = torch.from_numpy(arrays[f"{at}.pad_mask"]).bool()
        seen = network(pixels, tokens, padding)
        expected = torch.from_numpy(arrays[f"{at}.beit_out"])
        real = torch.ones(seen.shape[:2], dtype=torch.bool)
        real[:, -tokens.shape[1] :] = ~padding
        assert (seen - expected)[real].abs().max() < 1e-4
