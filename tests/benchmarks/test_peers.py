"""The table of peers: its arithmetic, with systems that take no time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import peers


def test_a_row_has_the_picture_and_every_number_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def tiny(points: int) -> peers.Peer:
        return peers.Peer(lambda image: image.sum(), lambda seen, count: asked.append(count))

    monkeypatch.setitem(peers.PEERS, "tiny", tiny)
    row = peers.measure("tiny", [1, 20], 4, np.zeros((8, 8, 3), np.uint8))
    assert asked == [1, 20]
    assert row.startswith("| tiny | ") and row.count("|") == 6


def test_what_a_system_times_itself_is_taken_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = peers.Peer(lambda image: image, lambda seen, count: 2.5 * count)
    monkeypatch.setitem(peers.PEERS, "whole", lambda points: whole)
    row = peers.measure("whole", [2, 4], 0, np.zeros((8, 8, 3), np.uint8))
    assert row.startswith("| whole | - | 5.00 | 10.00 |")


def test_ids_end_where_the_towers_read() -> None:
    ids = peers.random_ids(3, 90, 12)
    assert ids.shape == (3, 12) and (ids.argmax(dim=1) == 11).all()


def test_networks_have_random_numbers_in_their_final_precision() -> None:
    made = peers.build(lambda: torch.nn.Linear(5, 7), torch.bfloat16)
    assert made.weight.dtype == torch.bfloat16 and made.weight.float().std() > 0
    assert torch.get_default_dtype() == torch.float32
