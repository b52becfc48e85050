"""The account of a reading, in numbers and in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexiseg.errors import UsageError
from lexiseg.io.report import Report, Skip

FILE = Path("a.json")


def test_what_is_left_out_is_told_by_kind_and_reason():
    report = Report()
    for kind, reason in (
        ("region", "box without mask"),
        ("region", "crowd"),
        ("region", "box without mask"),
        ("picture", "image not found"),
    ):
        report.skip(Skip(kind, reason, FILE))
    assert report.summary() == (
        "0 pictures and 0 regions read; left out: 1 picture (image not found); "
        "left out: 3 regions (box without mask: 2, crowd: 1)"
    )
    assert report.skipped == {"box without mask": 2, "crowd": 1, "image not found": 1}


def test_of_very_many_equal_skips_all_are_counted_and_some_kept():
    report = Report()
    for number in range(1005):
        report.skip(Skip("region", "crowd", FILE, f"annotation {number}"))
    report.skip(Skip("region", "empty", FILE, "annotation 2000"))
    assert report.skipped == {"crowd": 1005, "empty": 1}
    assert len(report.skips) == 1001 and report.skips[-1].reason == "empty"
    assert "left out: 1,006 regions" in report.summary()


def test_a_skip_says_where_it_is():
    whole = Skip("picture", "damaged", FILE)
    part = Skip("region", "crowd", FILE, "annotation 7", "of 3 pixels")
    assert str(whole) == "a.json: damaged"
    assert str(part) == "a.json, annotation 7: crowd (of 3 pixels)"
    with pytest.raises(UsageError, match=r"annotation 7: crowd \(of 3 pixels\); mend it"):
        Report(strict=True).skip(part)
