"""The reference pack of zero-guidance, where it is at hand."""

from __future__ import annotations

import pytest

from benchmarks.parity import check


def test_every_array_of_the_pack_is_rebuilt(shared, capsys) -> None:
    folder = shared / "reference" / "zero_guidance"
    if not folder.is_dir():
        pytest.skip("needs the zero-guidance reference pack")
    assert check(folder), capsys.readouterr().out
