from __future__ import annotations

import pytest
import torch

from lexiseg.errors import UsageError
from lexiseg.models.dino import Dino, DinoConfig, DinoNetwork
from lexiseg.models.dino.network import FACETS


def own(reference) -> DinoNetwork:
    settings = reference.config.to_dict()
    return Dino.from_state_dict(reference.state_dict(), "cpu", "float32", settings=settings).network


@torch.no_grad()
def test_forward_is_that_of_transformers(reference) -> None:
    pixels = torch.randn(2, 3, 32, 32)
    expected = reference(pixels).last_hidden_state
    torch.testing.assert_close(own(reference)(pixels), expected, atol=2e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["v2 registers", "v3"])
def test_pictures_of_other_sizes_as_in_transformers(reference_of, kind) -> None:
    reference, pixels = reference_of(kind), torch.randn(1, 3, 24, 48)
    expected = reference(pixels).last_hidden_state
    torch.testing.assert_close(own(reference)(pixels), expected, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_facets_are_the_last_projections(reference) -> None:
    """Seen from outside: what the last block's linear layers give in transformers' own run."""
    seen = {}
    names = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}
    for path, module in reference.named_modules():
        if path.rsplit(".", 1)[-1] in names:  # later blocks overwrite earlier ones
            name = names[path.rsplit(".", 1)[-1]]
            module.register_forward_hook(lambda m, i, o, name=name: seen.update({name: o}))
    pixels = torch.randn(1, 3, 32, 32)
    reference(pixels)
    network = own(reference)
    for facet in FACETS:
        torch.testing.assert_close(
            network.facet(pixels, facet=facet), seen[facet], atol=2e-5, rtol=1e-4
        )
        patches = network.patch_facet(pixels, facet=facet).flatten(1, 2)
        assert torch.equal(patches, network.facet(pixels, facet=facet)[:, -16:])


def test_nothing_behind_the_projection_is_computed(reference_of) -> None:
    network = own(reference_of("v1"))
    for part in (network.blocks[-1].mlp, network.blocks[-1].attn.proj, network.norm):
        part.register_forward_hook(lambda *_: pytest.fail("ran a part that keys do not need"))
    assert network.facet(torch.randn(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_overlapping_patches_are_the_same_patches(stride: int) -> None:
    """Without positions, patches of a fine grid contain those of a coarse grid."""
    network = DinoNetwork(DinoConfig(24, 1, 2, native_grid=4, hidden=32))
    network.pos_embed.data.zero_()
    pixels = torch.randn(1, 3, 24, 40)
    with torch.no_grad():
        coarse = network.embed(pixels)[:, 1:].unflatten(1, (3, 5))
        fine = network.embed(pixels, stride)[:, 1:].unflatten(1, network.grid((24, 40), stride))
    step = 8 // stride
    torch.testing.assert_close(fine[:, ::step, ::step], coarse, atol=1e-5, rtol=1e-4)


def test_rotary_positions_depend_on_where_a_patch_is_not_on_the_stride(reference_of) -> None:
    network = own(reference_of("v3"))
    coarse, fine = network.rotation((32, 48)), network.rotation((32, 48), 4)
    assert coarse is not None and fine is not None
    at_fine = fine.cosine.unflatten(0, (7, 11))[::2, ::2].flatten(0, 1)
    torch.testing.assert_close(at_fine, coarse.cosine, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("size_hw", "stride", "message"), [((32, 32), 3, "divide"), ((7, 40), 8, "enlarge")]
)
def test_wrong_calls_are_refused(size_hw: tuple[int, int], stride: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DinoNetwork(DinoConfig(24, 1, 2)).grid(size_hw, stride)
