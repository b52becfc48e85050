"""``lexiseg convert`` and ``lexiseg miniworld``: files to files."""

from __future__ import annotations

from pathlib import Path

import pytest

ASK = ("--method", "color", "-t", "red", "-t", "green")


def test_a_run_becomes_another_format_and_nothing_is_replaced(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    code, out, err = lexiseg_command("convert", "run", "--to", "labelme", "-o", "new")
    assert code == 0 and out == "" and "2 files -> new" in err
    assert {path.name for path in (tmp_path / "new" / "labelme").iterdir()} == {"0.json", "1.json"}
    code, _, err = lexiseg_command("convert", "run", "--to", "labelme", "-o", "new")
    assert code == 2 and "exists already" in err
    assert lexiseg_command("convert", "run", "--to", "labelme", "-o", "new", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("source", "to", "sentence"),
    [
        ("none", "coco", "none does not exist"),
        ("pictures", "coco", "holds no results"),
        ("pictures", "coko", "did you mean 'coco'"),
    ],
)
def test_wrong_conversions_are_one_sentence(
    lexiseg_command, pictures: Path, source: str, to: str, sentence: str
) -> None:
    code, _, err = lexiseg_command("convert", source, "--to", to, "-o", "new")
    assert code == 2 and sentence in err and err.count("\n") == 1


def test_scenes_are_written_and_another_world_is_refused(lexiseg_command, tmp_path: Path) -> None:
    small = ("miniworld", "--out", "toy", "--size", "48", "--split", "test")
    assert lexiseg_command(*small, "--count", "2")[0] == 0
    assert len(list((tmp_path / "toy" / "JPEGImages").iterdir())) == 2
    code, _, err = lexiseg_command(*small, "--count", "2", "--seed", "1")
    assert code == 2 and "toy" in err and err.count("\n") == 1
