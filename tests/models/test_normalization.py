from __future__ import annotations

import torch
from torch import nn

from lexiseg.models.normalization import ChannelNorm, fold_batch_norms
from tests.models.published_layout import assert_folding_changes_nothing, randomize


def test_channel_norm_is_the_formula_at_every_pixel():
    norm = randomize(ChannelNorm(5, eps=0.1))
    maps = torch.randn(2, 5, 3, 4)
    for b, y, x in ((0, 0, 0), (1, 2, 3)):
        pixel = maps[b, :, y, x]
        spread = ((pixel - pixel.mean()) ** 2).mean()
        wanted = (pixel - pixel.mean()) / (spread + 0.1).sqrt() * norm.weight + norm.bias
        torch.testing.assert_close(norm(maps)[b, :, y, x], wanted)


def test_folding_keeps_the_output_and_removes_the_norm():
    pair = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, eps=0.01))
    network = randomize(nn.Sequential(pair, nn.ReLU(), nn.Conv2d(4, 2, 1)))
    assert_folding_changes_nothing(network, torch.randn(2, 3, 6, 6), 1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_norm_that_follows_no_convolution_stays():
    network = randomize(nn.Sequential(nn.Conv2d(3, 4, 1), nn.GELU(), nn.BatchNorm2d(4)))
    fold_batch_norms(network)
    assert isinstance(network[2], nn.BatchNorm2d)
