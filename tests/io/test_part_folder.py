"""A folder of Parquet parts: what is written is what is done."""

from __future__ import annotations

from dataclasses import replace

import fsspec
import numpy as np
import pytest

from lexiseg import read
from lexiseg.errors import OutputError
from lexiseg.io.parquet import picture_id, row_of, row_of_failure
from lexiseg.io.part_folder import JOB, PartFolder, parts_of
from lexiseg.types import Recipe
from tests.io.test_run_folder import JOB as ASKED
from tests.io.test_run_folder import answer

RECIPE = Recipe("color", "mini")


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    pytest.importorskip("pyarrow")
    if request.param == "local":
        return PartFolder(str(tmp_path / "out"))
    fsspec.filesystem("memory").rm("/", recursive=True)
    return PartFolder("memory://out")


def rows(*names):
    return [row_of(answer(np.full((4, 5, 3), 200, np.uint8)), "f" * 64, name) for name in names]


def ids(table):
    return table["id"].to_pylist()


def test_the_first_call_decides_the_number_of_parts(folder):
    assert folder.bind(ASKED, RECIPE, 100_000) == 391
    assert folder.bind(ASKED, RECIPE, 7) == 391


@pytest.mark.parametrize(("pictures", "parts"), [(1, 1), (9, 9), (500, 72), (10**6, 3907)])
def test_parts_are_many_enough_to_share_and_few_enough_to_store(tmp_path, pictures, parts):
    assert PartFolder(str(tmp_path)).bind(ASKED, RECIPE, pictures) == parts


def test_every_picture_is_in_one_part_whatever_else_is_there():
    paths = [f"{number}.jpg" for number in range(500)]
    parts = parts_of(paths, 72)
    assert sorted(path for part in parts for path in part.pictures.values()) == sorted(paths)
    of = {path: part.number for part in parts for path in part.pictures.values()}
    some = {
        path: part.number for part in parts_of(paths[7:9], 72) for path in part.pictures.values()
    }
    assert some == {path: of[path] for path in paths[7:9]}


def test_answers_stay_and_failures_only_for_their_attempt(folder):
    folder.bind(ASKED, RECIPE, 9)
    none = folder.rows(3, "first")
    assert len(none) == 0
    folder.write(3, none, [*rows("a.jpg"), row_of_failure("b.jpg", "b.jpg: torn")], RECIPE, "first")
    assert ids(folder.rows(3, "first")) == [picture_id("a.jpg"), picture_id("b.jpg")]
    kept = folder.rows(3, "second")
    assert ids(kept) == [picture_id("a.jpg")]
    folder.write(3, kept, rows("b.jpg"), RECIPE, "second")
    assert folder.rows(3, "third")["path"].to_pylist() == ["a.jpg", "b.jpg"]


def test_readers_take_the_folder_as_it_is(tmp_path):
    arrow = pytest.importorskip("pyarrow.parquet")
    folder = PartFolder(str(tmp_path))
    folder.bind(ASKED, RECIPE, 9)
    for part, name in enumerate(("a.jpg", "b.jpg")):
        folder.write(part, folder.rows(part, "x"), rows(name), RECIPE, "x")
    assert arrow.read_table(tmp_path)["path"].to_pylist() == ["a.jpg", "b.jpg"]
    results = list(read(tmp_path))
    assert [str(result.path) for result in results] == ["a.jpg", "b.jpg"]
    assert results[0].recipe == RECIPE and results[0].instances[0].mask.area == 20


@pytest.mark.parametrize(
    ("job", "recipe", "reason"),
    [
        (replace(ASKED, texts={"blue": ["blue"]}), RECIPE, "other names or settings"),
        (ASKED, replace(RECIPE, versions={"torch": "1"}), "another recipe.*torch"),
    ],
)
def test_a_folder_of_another_job_is_refused_and_replaced_if_asked(folder, job, recipe, reason):
    folder.bind(ASKED, RECIPE, 9)
    folder.write(3, folder.rows(3, "x"), rows("a.jpg"), RECIPE, "x")
    with pytest.raises(OutputError, match=reason):
        folder.bind(job, recipe, 9)
    folder.bind(job, recipe, 9, overwrite=True)
    assert len(folder.rows(3, "x")) == 0


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"parts": 3}', b'{"parts": "many"}', b"[" * 9999]
)
def test_a_damaged_job_is_one_sentence(tmp_path, content):
    (tmp_path / JOB).write_bytes(content)
    with pytest.raises(OutputError, match="is damaged"):
        PartFolder(str(tmp_path)).bind(ASKED, RECIPE, 9)


def test_files_of_others_are_refused(tmp_path):
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(OutputError, match=r"mine\.parquet of another program"):
        PartFolder(str(tmp_path)).bind(ASKED, RECIPE, 9)
    with pytest.raises(OutputError, match="another program"):
        PartFolder(str(tmp_path)).bind(ASKED, RECIPE, 9, overwrite=True)


def test_a_damaged_part_is_one_sentence(folder, tmp_path):
    folder.bind(ASKED, RECIPE, 9)
    folder._publish("part-000003.parquet", b"PAR1 torn")
    with pytest.raises(OutputError, match=r"damaged part-000003\.parquet"):
        folder.rows(3, "x")
