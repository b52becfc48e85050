"""A folder of numbers replaces what it noted, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from lexiseg.errors import OutputError
from lexiseg.io.manifest import HEADER
from lexiseg.io.output_folder import output_folder
from lexiseg.io.run_folder import Job, OtherRunError, RunFolder

JOB = Job("segment", "color", "paper", {"red": ["red"]}, {}, ["png"])


def test_what_was_noted_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    output_folder(tmp_path).text(tmp_path / "a.md", "first")
    (tmp_path / "b.md").write_text("mine")
    again = output_folder(tmp_path)
    again.text(tmp_path / "a.md", "second")
    with pytest.raises(OutputError, match=r"b\.md exists already.*--overwrite"):
        again.check(tmp_path / "a.md", tmp_path / "b.md")
    assert [path.read_text() for path in (tmp_path / "a.md", tmp_path / "b.md")] == [
        "second",
        "mine",
    ]
    output_folder(tmp_path, overwrite=True).text(tmp_path / "b.md", "third")
    assert (tmp_path / "files.txt").read_text() == f"{HEADER}\na.md\nb.md\n"


def test_the_list_of_another_program_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "files.txt").write_text("holiday.jpg\n")
    with pytest.raises(OutputError, match=r"files\.txt exists already"):
        output_folder(tmp_path)
    assert output_folder(tmp_path, overwrite=True).text(tmp_path / "a.md", "a").exists()


def test_answers_about_pictures_and_numbers_do_not_share_a_folder(tmp_path: Path) -> None:
    """A run takes away what it noted and no longer needs; numbers would go with it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "files.txt").write_text(f"{HEADER}\nrun.json\nresults.jsonl\n")
    with pytest.raises(OutputError, match="answers about pictures"):
        output_folder(tmp_path / "run", overwrite=True)
    output_folder(tmp_path / "numbers").text(tmp_path / "numbers" / "a.md", "a")
    with pytest.raises(OtherRunError, match="evaluate or analyze"):
        RunFolder(tmp_path / "numbers", JOB)
    assert (tmp_path / "numbers" / "a.md").exists()


def test_a_run_of_which_everything_failed_is_begun_again(tmp_path: Path) -> None:
    with RunFolder(tmp_path, JOB) as run:
        run.report({Path("a.png"): "no picture"})
    with RunFolder(tmp_path, JOB) as run:
        assert run.prepare([Path("a.png")]) == {Path("a.png"): "a"}
