"""The image tower against the same network written out key by key."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lexiseg.errors import UsageError
from lexiseg.models.conv_clip import ResNetConfig, ResNetTower
from tests.models.conv_clip.conftest import RESNET, make_network


class Written:
    """CLIP's ResNet as straight-line code over a state dict."""

    def __init__(self, state, layers):
        self.state, self.layers = state, layers

    def conv(self, x, name, number, **options):
        return F.conv2d(x, self.state[f"{name}conv{number}.weight"], **options)

    def norm(self, x, name):
        get = (
            self.state[f"{name}.{part}"]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, *get)

    def block(self, x, name, stride):
        inner = F.relu(self.norm(self.conv(x, name, 1), f"{name}bn1"))
        inner = F.relu(self.norm(self.conv(inner, name, 2, padding=1), f"{name}bn2"))
        if stride > 1:
            inner = F.avg_pool2d(inner, stride)
        inner = self.norm(self.conv(inner, name, 3), f"{name}bn3")
        if f"{name}downsample.0.weight" in self.state:
            x = F.avg_pool2d(x, stride) if stride > 1 else x
            x = F.conv2d(x, self.state[f"{name}downsample.0.weight"])
            x = self.norm(x, f"{name}downsample.1")
        return F.relu(inner + x)

    def levels(self, x):
        x = F.relu(self.norm(self.conv(x, "", 1, stride=2, padding=1), "bn1"))
        x = F.relu(self.norm(self.conv(x, "", 2, padding=1), "bn2"))
        x = F.avg_pool2d(F.relu(self.norm(self.conv(x, "", 3, padding=1), "bn3")), 2)
        for stage, blocks in enumerate(self.layers, start=1):
            for number in range(blocks):
                stride = 2 if stage > 1 and number == 0 else 1
                x = self.block(x, f"layer{stage}.{number}.", stride)
            yield x

    def attend(self, query, cells, heads, hidden=None):
        pool = {k.removeprefix("attnpool."): t for k, t in self.state.items()}
        return F.multi_head_attention_forward(
            query[:, None], cells[:, None], cells[:, None], query.shape[-1], heads, None,
            torch.cat([pool[f"{p}_proj.bias"] for p in "qkv"]), None, None, False, 0.0,
            pool["c_proj.weight"], pool["c_proj.bias"], use_separate_proj_weight=True,
            q_proj_weight=pool["q_proj.weight"], k_proj_weight=pool["k_proj.weight"],
            v_proj_weight=pool["v_proj.weight"], attn_mask=hidden, need_weights=False,
        )[0][:, 0]  # fmt: skip


@pytest.fixture(scope="module")
def tower() -> ResNetTower:
    return make_network(RESNET).visual


@pytest.fixture(scope="module")
def written(tower: ResNetTower) -> Written:
    return Written(tower.state_dict(), RESNET.layers)


def test_levels(tower: ResNetTower, written: Written) -> None:
    pixels = torch.randn(2, 3, 64, 96)
    for ours, theirs in zip(tower.levels(pixels), written.levels(pixels), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert tuple(level.shape[1] for level in tower.levels(pixels)) == tower.channels


def test_image_embedding(tower: ResNetTower, written: Written) -> None:
    pixels = torch.randn(1, 3, 64, 64)
    *_, dense = written.levels(pixels)
    rows = dense[0].flatten(1).T
    rows = torch.cat([rows.mean(dim=0, keepdim=True), rows])
    rows = rows + tower.state_dict()["attnpool.positional_embedding"]
    torch.testing.assert_close(tower(pixels), written.attend(rows[:1], rows, 4))


def test_masks_look_at_their_own_cells_only(tower: ResNetTower, written: Written) -> None:
    torch.manual_seed(0)
    dense, logits = torch.randn(1, 256, 3, 5), torch.randn(1, 6, 12, 20)
    table = tower.state_dict()["attnpool.positional_embedding"]
    grid = table[1:].T.reshape(1, 256, 2, 2)
    placed = dense + F.interpolate(grid, (3, 5), mode="bilinear", align_corners=False)
    query = dense.mean(dim=(2, 3)) + table[:1]
    small = F.interpolate(logits, (3, 5), mode="bilinear", align_corners=False)
    hidden = ~(small[0].flatten(1) > 0)
    expected = written.attend(query.expand(6, -1), placed[0].flatten(1).T, 4, hidden)
    torch.testing.assert_close(tower.embed_masks(dense, logits)[0], expected, atol=1e-5, rtol=1e-4)


def test_a_mask_without_a_cell_sees_nothing(tower: ResNetTower) -> None:
    empty = tower.embed_masks(torch.randn(1, 256, 2, 2), -torch.ones(1, 1, 2, 2))
    torch.testing.assert_close(empty[0, 0], tower.attnpool.c_proj.bias)


def test_a_cell_alone_is_what_a_mask_of_it_sees(tower: ResNetTower) -> None:
    dense, logits = torch.randn(1, 256, 2, 3), -torch.ones(1, 1, 2, 3)
    logits[..., 1, 2] = 1
    expected = tower.embed_masks(dense, logits)[0, 0]
    torch.testing.assert_close(tower.embed_cells(dense)[0, :, 1, 2], expected)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UsageError, match="5 equal heads"):
        ResNetTower(ResNetConfig((1, 1, 1, 1), width=8, heads=5))
