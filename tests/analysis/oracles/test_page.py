"""The page: complete in itself, safe against odd names, and alive in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inputs.opening import Sources, open_cases
from lexiseg.analysis.oracles.page import html_page
from lexiseg.analysis.oracles.study import study_files
from tests.analysis.oracles.drawing import (
    random_case,
    write_answers,
    write_candidates,
    write_truth,
)

CONFIG = OracleConfig(draws=20, biases=(-1.0,))
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    cases = [random_case(seed) for seed in range(5)]
    truth, answers = write_truth(folder, cases), write_answers(folder, cases)
    sources = Sources(truth, answers, write_candidates(folder, cases))
    opened = open_cases(sources, CONFIG)
    return study_files(opened, folder / "out", CONFIG, quiet=True, against=opened)


class _Tags(HTMLParser):
    """Every tag is closed, and addresses are kept."""

    VOID = frozenset({"meta", "img", "input", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.sections: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        self.addresses += [given[key] for key in ("src", "href") if key in given]
        if tag == "section":
            self.sections.append(given["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs) -> None:
        """A tag that closes itself, inside of drawings."""


def read(page: str) -> _Tags:
    tags = _Tags()
    tags.feed(page)
    tags.close()
    return tags


def test_the_page_needs_no_other_file_and_is_well_formed(report) -> None:
    tags = read(html_page(report))
    assert tags.open == []
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    first = ["findings", "levers", "stairs", "errors", "classes", "policies"]
    expected = [*first, "sizes", "void", "wordings"]
    assert tags.sections == [*expected, "comparison", "gallery", "measured"]
    assert {address[1:] for address in tags.addresses if address[0] == "#"} == set(tags.sections)


def test_names_cannot_break_the_page(report) -> None:
    evil = tuple(f"<script>alert({n})</script>\"'&" for n in range(len(report.names)))
    page = html_page(replace(report, names=evil, failures={"<b>": "<i>"}))
    assert read(page).open == []
    assert page.count("<script") == 1 and "<b>&" not in page


def test_what_is_not_known_has_no_section(report) -> None:
    page = html_page(replace(report, void=None, wordings=(), comparison=None, gallery=()))
    assert not {"void", "wordings", "comparison", "gallery"} & set(read(page).sections)


@pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium or google-chrome")
def test_a_browser_draws_it_and_sorts_a_table(report, tmp_path) -> None:
    probe = """<script>{
      const table = document.getElementById("classes-table");
      const column = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === "true");
      const button = table.tHead.rows[0].cells[column].querySelector("button");
      button.click();
      const found = [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
      document.body.dataset.sorted = found.join(",");
      button.click();
      document.body.dataset.again = table.tBodies[0].rows[0].cells[column].textContent;
      const search = document.getElementById("search");
      search.value = "GRASS";
      search.dispatchEvent(new Event("input"));
      document.body.dataset.left = [...table.tBodies[0].rows].filter((r) => !r.hidden).length;
      document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth;
      document.body.dataset.drawn = [...document.querySelectorAll("svg, img")]
        .every((one) => one.getBoundingClientRect().height > 10);
    }</script></body>"""
    page = tmp_path / "page.html"
    page.write_text(html_page(report).replace("</body>", probe), encoding="utf-8")
    done = subprocess.run(
        [
            str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,800", page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    found = dict(re.findall(r'data-(sorted|again|left|wide|drawn)="([^"]*)"', done.stdout))
    numbers = [int(number) for number in found["sorted"].split(",")]
    assert numbers == sorted((line.true for line in report.classes), reverse=True)
    assert found["again"] == str(min(numbers))
    assert (found["left"], found["wide"], found["drawn"]) == ("1", "false", "true")
