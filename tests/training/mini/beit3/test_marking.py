import numpy as np
import pytest
import torch

from lexiseg.models.beit3 import Beit3Config
from lexiseg.models.beit3.network import JointAttention
from lexiseg.training.mini.beit3.marking import (
    PLACES,
    SetHead,
    place_codes,
    quiet_directions,
    read_off,
)


def test_reading_off_is_least_squares_with_a_constant() -> None:
    chance = np.random.default_rng(0)
    rows, true = chance.normal(size=(4000, 5)), chance.normal(size=(5, 3))
    wanted = rows @ true + 0.7
    weight, bias = read_off(*(torch.from_numpy(part).float() for part in (rows, wanted)))
    np.testing.assert_allclose(weight.numpy(), true.T, atol=0.05)
    np.testing.assert_allclose(bias.numpy(), 0.7, atol=0.05)


def test_quiet_directions_are_where_little_happens() -> None:
    spread = torch.cat([torch.full((10,), 3.0), torch.full((6,), 0.1)])
    tokens = torch.randn(2000, 16, generator=torch.Generator().manual_seed(0)) * spread
    found = quiet_directions(tokens, 3)
    torch.testing.assert_close(found.T @ found, torch.eye(3), atol=1e-5, rtol=0)
    assert found.sum(dim=0).abs().max() < 0.05  # norms take the mean away
    assert (tokens @ found).std() < 0.1 * tokens.std()


@pytest.mark.parametrize("grid", [3, 10])
def test_every_place_has_a_code_of_its_own(grid: int) -> None:
    codes = place_codes(grid)
    assert codes.shape == (grid**2, PLACES)
    away = torch.cdist(codes, codes) + 9 * torch.eye(grid**2)
    assert away.min() > 0.05
    turned = codes.view(grid, grid, 2, -1).transpose(0, 1).flip(2)
    torch.testing.assert_close(turned.reshape(grid**2, -1), codes)


@torch.no_grad()
def test_setting_a_head_leaves_the_others_alone() -> None:
    attention = JointAttention(Beit3Config(32, 1, 4, 64, 32, 16, 50, 16))
    before = {name: value.clone() for name, value in attention.state_dict().items()}
    head = SetHead(attention)
    assert (head.width, head.rows) == (8, slice(0, 8))
    for name, value in attention.state_dict().items():
        if name.startswith("out_proj"):
            assert torch.equal(value, before[name])
        else:
            assert torch.equal(value[8:], before[name][8:])
        if name.startswith(("q_proj", "k_proj", "v_proj")):
            assert not value[:8].any()
