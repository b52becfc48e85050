"""Upscaling by matrix products against transposed convolutions."""

from __future__ import annotations

import torch
from torch import nn

from lexiseg.models.sam.decoder import refined_mask
from lexiseg.models.sam.upscale import draw_masks, fine_features, nest, spread_out


def plain(net, maps, skips=(0, 0)):
    half = net.activation(net.upscale_layer_norm(net.upscale_conv1(maps) + skips[0]))
    return net.activation(net.upscale_conv2(half) + skips[1])


def test_fine_features_are_the_convolutions(network_of):
    net = network_of("sam").mask_decoder
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 32, 3, 5, generator=generator)
    half, fine = (torch.randn(1, c, 3 * s, 5 * s, generator=generator) for c, s in ((8, 2), (4, 4)))
    with torch.no_grad():
        ours = fine_features(net, maps.flatten(2).mT)
        torch.testing.assert_close(spread_out(ours, (3, 5)), plain(net, maps))
        skips = nest(half, (3, 5)), nest(fine, (3, 5))
        skipped = fine_features(net, maps.flatten(2).mT, skips)
        torch.testing.assert_close(spread_out(skipped, (3, 5)), plain(net, maps, (half, fine)))


def test_nest_is_undone_by_spread_out():
    pixels = torch.arange(1 * 2 * 8 * 12.0).view(1, 2, 8, 12)
    assert torch.equal(spread_out(nest(pixels, (2, 3)), (2, 3)), pixels)


def test_masks_are_products():
    fine, vectors = torch.randn(2, 6, 4, 4, 5), torch.randn(2, 3, 5)
    wanted = torch.einsum("pmc,pchw->pmhw", vectors, spread_out(fine, (2, 3)))
    torch.testing.assert_close(draw_masks(vectors, fine, (2, 3)), wanted)


def test_refined_mask_is_the_plain_order_of_operations():
    torch.manual_seed(0)
    first, last = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
    norm, activation = nn.BatchNorm2d(8).eval(), nn.GELU()
    fine, vectors = torch.randn(3, 4, 6, 7), torch.randn(3, 4)
    with torch.no_grad():
        refined = last(activation(norm(first(fine))))
        wanted = torch.einsum("pc,pchw->phw", vectors, refined)[:, None]
        ours = refined_mask(vectors, fine, (first, norm, activation, last))
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)
