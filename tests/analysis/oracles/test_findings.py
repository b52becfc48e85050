"""The paper's findings, asked of predictors whose failing is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lexiseg.analysis.oracles.findings import CLAIMS, EVIDENCE, directions, findings, heading
from lexiseg.analysis.oracles.helps import NAMES, SELECTION, WITH_MASKS, WITH_NAMES, WITH_VOID
from lexiseg.analysis.oracles.levers import Estimate, Lever
from lexiseg.analysis.oracles.report import OracleReport
from tests.analysis.oracles.test_study import cases, folder, report, run

__all__ = ["cases", "folder", "report"]

GROUPS = {"all": 0.0, "seen": 0.0, "unseen": 0.0}


def lever(name: str, value: float, gain: float, **groups: float) -> Lever:
    return Lever(name, value, Estimate(gain, gain - 0.01, gain + 0.01), {**GROUPS, **groups})


@pytest.fixture
def paper(report: OracleReport) -> OracleReport:
    """A report with FC-CLIP's numbers of Tables 2 to 4."""
    levers = [
        lever(NAMES, 0.398, 0.13),
        lever(WITH_VOID, 0.219, -0.049),
        lever(SELECTION, 0.367, 0.099, seen=0.094, unseen=0.104),
        lever(WITH_MASKS, 0.503, 0.235, seen=0.265, unseen=0.214),
        lever(WITH_NAMES, 0.664, 0.396, seen=0.276, unseen=0.486),
    ]
    return replace(report, levers=levers)


def test_the_papers_own_numbers_hold_its_findings(paper) -> None:
    found = findings(paper)
    assert [f.number for f in found] == [1, 2, 3, 4, 5]
    assert [f.holds for f in found[:4]] == [True] * 4
    assert found[1].here == "true names on the final map give +13.0 (+12.0 to +14.0)"
    assert "+17.1 on seen classes and +11.0 on unseen ones" in found[3].here
    assert "+17.1 and +20.4 on seen classes, +11.0 and +17.3" in " ".join(EVIDENCE[3].split())
    assert all(f.text.startswith(f"Paper: {EVIDENCE[f.number - 1]}. So here") for f in found[:4])


def test_other_numbers_turn_them_around(paper) -> None:
    by_name = {item.name: item for item in paper.levers}
    by_name[NAMES] = lever(NAMES, 0.27, 0.002)
    by_name[SELECTION] = lever(SELECTION, 0.2, -0.06, seen=0.1, unseen=0.0)
    found = findings(replace(paper, levers=list(by_name.values())))
    assert [f.holds for f in found[:4]] == [True, False, False, False]
    assert "Not so here" in found[1].text


def test_what_was_not_measured_is_said(folder, tmp_path) -> None:
    found = findings(run(folder, tmp_path, candidates=False))
    assert found[2].holds is None and "candidates are not known" in found[2].here
    assert found[0].holds is None and found[3].holds is None
    assert found[1].holds is not None


def test_every_form_of_the_report_has_them(report, tmp_path) -> None:
    report.save(tmp_path)
    text, page = ((tmp_path / name).read_text("utf-8") for name in ("report.md", "report.html"))
    content = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert [entry["title"] for entry in content["findings"]] == [heading(n) for n in range(1, 6)]
    for number in range(1, len(CLAIMS) + 1):
        assert f"### {heading(number)}" in text and heading(number) in page
    assert content["directions"] == directions(report) and directions(report)


def test_directions_follow_from_numbers(paper) -> None:
    ways = directions(paper)
    assert any("text encoders" in way and "+13.0" in way for way in ways)
    nothing = [lever(NAMES, 0.268, 0.0)]
    ways = directions(replace(paper, levers=nothing))
    assert not any("text encoders" in way for way in ways)
