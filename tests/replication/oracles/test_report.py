"""What the page says; heights are measured by its command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lexiseg.analysis.oracles.findings import heading
from lexiseg.analysis.oracles.helps import NAMES
from lexiseg.evaluation.protocol import protocol_of
from lexiseg.io.output_folder import output_folder
from lexiseg.replication.oracles.lessons import LONG, STEPS
from lexiseg.replication.oracles.plots import (
    FEW_LABELS,
    PROGRESS,
    milestones,
    plot_few_labels,
    plot_progress,
)
from lexiseg.replication.oracles.report import OraclesPage
from lexiseg.replication.oracles.rows import FC_CLIP, FEW
from lexiseg.types import Recipe


@pytest.fixture(scope="module")
def page(numbers, dataset) -> OraclesPage:
    settings = {"alpha": 0.4, "short_side": 192, "min_score": 0.2, "min_overlap": 0.7}
    protocols = [
        protocol_of(
            dataset, Recipe(method, "mini", settings, versions={"lexiseg": "0"}), seed=0, images=2
        )
        for method in ("fc-clip", "maft-plus")
    ]
    return OraclesPage("lexiseg analyze oracles --replicate", *protocols, numbers, dataset, 1000)


def test_tables_show_what_was_measured_beside_the_paper(page, numbers) -> None:
    text = page.to_markdown()
    row = next(line for line in text.splitlines() if line.startswith("| as it is | FC-CLIP |"))
    own = [100 * numbers[FC_CLIP].quality(group=g).value for g in ("all", "seen", "unseen")]
    assert re.findall(r"\| ([\d.]+) \(", row) == [f"{value:.1f}" for value in own]
    assert row.endswith("| 26.8 / 39.5 / 17.3 |")


def test_a_class_that_another_swallows_is_marked(page) -> None:
    row = next(line for line in page.to_markdown().splitlines() if line.startswith("| leopard |"))
    assert row == "| leopard | novel | 6 | 0 | 0 | 0 | 0 | street | another |"


def test_every_ordering_has_a_direction(page) -> None:
    text = page.to_markdown().split("## Directions")[1].split("## Figure 1")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    words = ("as in the paper |", "turned around |", "no clear difference |")
    assert len(rows) > 20 and all(row.endswith(words) for row in rows)
    ladder = [
        row for row in rows if "selection" in row and row.split(" | ")[1][:4] in ("FC-C", "MAFT")
    ]
    ladder = [row for row in ladder if "ConvNeXt" not in row]
    assert len(ladder) == 10 and all(row.endswith(words[0]) for row in ladder)


def test_findings_are_headings_with_numbers_beside_the_papers(page, numbers) -> None:
    text = page.to_markdown()
    places = [text.index(f"## {heading(number)}") for number in range(1, 6)]
    assert places == sorted(places)
    gain = 100 * (numbers[FC_CLIP].quality(NAMES).value - numbers[FC_CLIP].quality().value)
    assert f"So here: {gain:+.1f} (" in text[places[1] :]


def test_each_lesson_stands_beside_one_of_policy_a_that_was_as_long(page) -> None:
    rows = page.to_markdown().split("policy A instead |")[1].splitlines()[2 : 2 + len(FEW)]
    assert [int(row.split(" | ")[1]) for row in rows] == [STEPS, STEPS, STEPS, LONG]


def test_plots_are_drawn_and_shown(page, tmp_path: Path) -> None:
    files = output_folder(tmp_path)
    plot_few_labels(page, files)
    plot_progress(files)
    for name in (FEW_LABELS, PROGRESS):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    text = page.to_markdown(FEW_LABELS, PROGRESS)
    assert f"]({FEW_LABELS})" in text and f"]({PROGRESS})" in text
    assert list(page.curve(True)) == list(FEW)


def test_milestones_are_in_order_and_hold_what_was_published_since() -> None:
    years = [point.year for point in milestones()]
    assert years == sorted(years)
    known = {point.system: point.quality for point in milestones()}
    assert {p.system for p in milestones() if not p.at_hand} == {
        "MaskCLIP (Ding et al.)",
        "ODISE",
        "Mask2Former (Swin-L)",
    }
    assert known["OVRCOAT"] == 28.6 and known["RetCLIP"] == 30.9 and known["FC-CLIP"] == 26.8
