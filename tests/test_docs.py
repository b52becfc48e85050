"""What the documentation tells people to do is done, in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.run_notebook import run_notebook
from scripts.run_page import commands, run_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [DOCS / "first-five-minutes.md", *sorted((DOCS / "tasks").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_can_be_done(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page(page) >= 2


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("```sh\nlexiseg segment nowhere.png -t dog\n```\n", "ended with 1"),
        ("```sh\ncat /etc/passwd\n```\n", "no command of lexiseg"),
        ("```python\nassert 1 == 2, 'not so'\n```\n", "not so"),
    ],
)
def test_a_page_that_does_not_hold_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(block, encoding="utf-8")
    with pytest.raises((SystemExit, AssertionError), match=complaint):
        run_page(page)


def kinds(outputs: list[dict[str, Any]]) -> list[list[str]]:
    """What a cell shows: what it printed, a text, a picture."""
    return [sorted(output.get("data", {"printed": ""})) for output in outputs]


def test_cells_of_the_notebook_run_and_show_what_they_are_kept_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = run_notebook(ROOT / "examples" / "first_steps.ipynb")
    assert len(cells) >= 8
    for cell, outputs in cells:
        assert outputs and kinds(outputs) == kinds(cell["outputs"])


def test_commands_go_on_over_lines_and_comments_are_left_out() -> None:
    text = "lexiseg label a.jpg \\\n    -o out  # a folder\n# nothing\n"
    assert list(commands(text)) == [["lexiseg", "label", "a.jpg", "-o", "out"]]
