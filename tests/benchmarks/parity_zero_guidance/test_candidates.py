"""The parity program's own measures: what they must not care about, and what they must notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.parity_zero_guidance.candidates import (
    KeyPack,
    ancestry,
    matching,
    members,
    misplaced,
)
from lexiseg.models.dino import DinoConfig, DinoNetwork


def test_partitions_are_compared_whatever_the_labels_are_called() -> None:
    ours, theirs = np.array([2, 2, 0, 1]), np.array([1, 1, 2, 3])
    assert misplaced(ours, theirs) == 0
    assert matching(ours, theirs) == [2, 0, 1]
    assert misplaced(np.array([2, 0, 0, 1]), theirs) > 0
    assert misplaced(np.array([2, 2, 0, 0]), theirs) > 0


def test_trees_are_compared_whatever_side_is_left() -> None:
    leaves = np.array([1, 5, 13, 14])  # 14 and 13 below 6, which is beside 5
    mirrored = np.array([2, 4, 7, 8])  # the root and the inner node turned over
    assert np.array_equal(ancestry(leaves), ancestry(mirrored))
    assert not np.array_equal(ancestry(leaves), ancestry(np.array([1, 6, 11, 12])[[0, 2, 1, 3]]))


def test_joins_are_compared_by_what_they_hold() -> None:
    held = members(np.array([[0, 2], [1, 3]]))
    assert held == [frozenset({0, 2}), frozenset({0, 1, 2})]


@pytest.mark.parametrize(("heads", "patch", "stride"), [(2, 8, 4), (4, 16, 4), (1, 14, 7)])
def test_heads_and_stride_are_found(tmp_path, heads: int, patch: int, stride: int) -> None:
    """Packs of other sizes, made here: this tests the program, not the numbers."""
    torch.manual_seed(heads)
    network = DinoNetwork(DinoConfig(16, 2, heads, patch, 4, 24)).eval()
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    image = torch.randn(2, 3, 3 * patch, 4 * patch)
    with torch.no_grad():
        keys = network.facet(image, stride).view(2, -1, heads, 16 // heads).mT.flatten(2)
        native = network(image)[:, 0]
    np.savez(tmp_path / "dino_state.npz", **{k: t.numpy() for k, t in network.state_dict().items()})
    np.savez(
        tmp_path / "dino.npz",
        dino_image=image.numpy(),
        dino_grid=network.grid((3 * patch, 4 * patch), stride),
        dino_keys_with_cls=keys.numpy(),
        dino_native_cls=native.numpy(),
    )
    pack = KeyPack(tmp_path)
    with torch.no_grad():
        results = list(pack.compare())
    assert pack.network.config.heads == heads and pack.stride == stride
    assert len(results) == 3 and all(comparison.passed for comparison in results)
    pack.arrays["dino_keys_with_cls"] = pack.arrays["dino_keys_with_cls"] + 1e-3
    with torch.no_grad():
        assert [c.name for c in pack.compare() if not c.passed] == ["dino_keys_with_cls"]
