from __future__ import annotations

from lexiseg.types import Result


def test_presence_is_a_mapping_with_verdicts(result: Result) -> None:
    assert not result.presence["zebra"].kept
    assert result.presence.kept == ("dog", "cat", "grass")
