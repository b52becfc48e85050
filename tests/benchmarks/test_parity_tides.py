"""The reference pack of the official scorers, where it is at hand."""

from __future__ import annotations

import pytest

from benchmarks import parity_tides
from benchmarks.parity import check


@pytest.fixture(scope="module")
def pack(shared):
    folder = shared / "reference" / "tides"
    if not folder.is_dir():
        pytest.skip("needs the TIDES reference pack")
    return folder


def test_every_array_of_the_pack_is_rebuilt(pack, capsys) -> None:
    assert parity_tides.recognizes(pack)
    assert check(pack), capsys.readouterr().out


def test_outputs_are_not_read_as_inputs(pack) -> None:
    with pytest.raises(AssertionError):
        parity_tides.ScorerPack(pack).input("sclip_slide_logits")
