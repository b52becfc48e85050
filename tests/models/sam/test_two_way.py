"""The tokens'-side computation against transformers' plain one."""

from __future__ import annotations

import pytest
import torch

from lexiseg.models.sam.two_way import TwoWay


@pytest.fixture(params=["sam", "sam2"])
def plain(request, network_of):
    return network_of(request.param).mask_decoder.transformer


def inputs(count, length):
    generator = torch.Generator().manual_seed(3)
    return (
        torch.randn(count, length, 32, generator=generator),
        torch.randn(1, 32, 4, 5, generator=generator),
        torch.randn(1, 32, 4, 5, generator=generator),
    )


def reference(plain, tokens, maps, position):
    count = len(tokens)
    with torch.no_grad():
        out, image = plain(
            point_embeddings=tokens[None],
            image_embeddings=maps.expand(count, -1, -1, -1),
            image_positional_embeddings=position.expand(count, -1, -1, -1),
            attention_similarity=None,
        ) if len(maps) == 1 else plain(
            point_embeddings=tokens[:, None],
            image_embeddings=maps,
            image_positional_embeddings=position.expand(count, -1, -1, -1),
            attention_similarity=None,
        )  # fmt: skip
    return out.reshape(tokens.shape), image.reshape(count, -1, 32)


@pytest.mark.parametrize("length", [2, 7, 16, 17, 40])
def test_shared_image(plain, length):
    tokens, maps, position = inputs(3, length)
    wanted_tokens, wanted_image = reference(plain, tokens, maps, position)
    ours = TwoWay(plain)
    with torch.no_grad():
        shared = ours.share(maps.flatten(2).mT, position.flatten(2).mT)
        found, image = ours(tokens, shared, list(range(length)))
        some, _ = ours(tokens, shared, [1, 0])
    torch.testing.assert_close(found, wanted_tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(image, wanted_image, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(some, wanted_tokens[:, [1, 0]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [6, 30])
def test_an_image_for_each_prompt(plain, length):
    tokens, maps, position = inputs(3, length)
    own = maps + torch.randn(3, 32, 4, 5, generator=torch.Generator().manual_seed(4))
    wanted_tokens, wanted_image = reference(plain, tokens, own, position)
    ours = TwoWay(plain)
    with torch.no_grad():
        shared = ours.share(maps.flatten(2).mT, position.flatten(2).mT)
        found, image = ours(tokens, shared, list(range(length)), own.flatten(2).mT)
    torch.testing.assert_close(found, wanted_tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(image, wanted_image, atol=1e-5, rtol=1e-5)
