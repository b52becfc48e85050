"""Parquet files: what comes back, what other programs see, and odd files."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import lexiseg
from lexiseg.errors import MissingExtraError, UsageError
from lexiseg.io.convert import convert
from lexiseg.io.parquet import RECIPES, picture_id, recipe_id, write_parquet
from lexiseg.io.reader import detect_format, read_results
from lexiseg.io.writer import Destination
from lexiseg.registry import WRITERS
from lexiseg.types import Instance, Instances, Recipe

pyarrow = pytest.importorskip("pyarrow", reason="extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="extra parquet")


def write(folder, *results, **options):
    (path,) = write_parquet.write(iter(results), Destination(folder, "all", **options))
    return path


def test_all_of_a_result_comes_back(result, empty_result, tmp_path):
    first = result.instances[0]
    rich = replace(first, details={"eta": 0.25, "area": 7}, alternatives=(("wolf", 0.5),))
    views = Instances((rich, result.instances[3]), result.size_hw)
    recipe = Recipe("car", "mini", {"theta": 0.3}, timing_ms={"encode": 1.5, "total": 2.0})
    full = replace(
        result,
        instances=Instances((rich, *result.instances.items[1:]), result.size_hw),
        semantic_regions=views,
        recipe=recipe,
    )
    path = write(tmp_path, full, empty_result)
    again, nothing = read_results(path, images=tmp_path / "pictures", strict=True)
    assert again == full and nothing == empty_result
    assert again.recipe.timing_ms == recipe.timing_ms
    region = again.instances[0]
    assert region.details == rich.details and region.alternatives == rich.alternatives
    assert again.semantic_regions == views and again.panoptic_regions is None


def test_columns_are_what_other_programs_read(result, tmp_path):
    path = write(tmp_path, result, failures={Path("bad.png"): "bad.png: cut off"})
    table = parquet.read_table(path).to_pylist()
    answer, failure = table
    assert (answer["height"], answer["width"], answer["error"]) == (*result.size_hw, None)
    assert answer["id"] == picture_id(str(result.path)) != failure["id"]
    assert answer["recipe_id"] == recipe_id(result.recipe)
    assert answer["sha256"] == hashlib.sha256(result.path.read_bytes()).hexdigest()
    assert failure["sha256"] is None
    item = result.instances[0]
    region = answer["instances"][0]
    assert (region["label"], region["bbox"], region["area"]) == (
        item.label, list(item.mask.bbox), item.mask.area,
    )  # fmt: skip
    assert region["counts"] == item.mask.to_coco()["counts"]
    assert [entry["name"] for entry in answer["presence"]] == list(result.names)
    assert (failure["path"], failure["error"], failure["instances"]) == (
        "bad.png", "bad.png: cut off", None,
    )  # fmt: skip
    recipes = json.loads(parquet.read_metadata(path).metadata[RECIPES])
    assert list(recipes) == [answer["recipe_id"]]


def test_pandas_opens_it(result, tmp_path):
    pandas = pytest.importorskip("pandas", reason="extra tables")
    frame = pandas.read_parquet(write(tmp_path, result, result))
    regions = frame.explode("instances")["instances"]
    assert [entry["label"] for entry in regions] == 2 * list(result.instances.labels)


def test_pictures_without_an_answer_are_told(result, tmp_path):
    path = write(tmp_path, result, failures={Path("bad.png"): "bad.png: cut off"})
    reading = lexiseg.read(path)
    assert len(list(reading)) == 1
    assert reading.report.skipped == {"picture that failed": 1}
    assert "cut off" in str(reading.report.skips[0])


def test_folders_of_parts_are_one_source(result, empty_result, tmp_path):
    write(tmp_path / "parts", result)
    (tmp_path / "parts" / "all.parquet").rename(tmp_path / "parts" / "one.parquet")
    write(tmp_path / "parts", empty_result)
    assert detect_format(tmp_path / "parts") == "parquet"
    assert len(list(read_results(tmp_path / "parts"))) == 2
    assert convert(tmp_path / "parts", "coco", tmp_path / "out").report.written.pictures == 2


def test_a_name_that_is_no_text_is_held(result, tmp_path):
    path = write(tmp_path, replace(result, path=Path("a\udcff.png")))
    assert parquet.read_table(path).to_pylist()[0]["path"] == "a\\udcff.png"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(30) + b"PAR1"])
def test_what_is_none_is_one_sentence(content, tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.parquet") as caught:
        list(read_results(path))
    assert "\n" not in str(caught.value)


def test_a_text_of_broken_letters_is_one_sentence(tmp_path):
    broken = pyarrow.array([b"a\xb7.png"], pyarrow.binary()).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"path": broken}), tmp_path / "broken.parquet")
    with pytest.raises(UsageError, match=r"broken\.parquet is no Parquet file .*0xb7"):
        list(read_results(tmp_path / "broken.parquet"))


def test_rows_of_other_tables_cost_themselves(tmp_path):
    parquet.write_table(pyarrow.table({"x": [1, 2]}), tmp_path / "other.parquet")
    reading = read_results(tmp_path / "other.parquet")
    assert list(reading) == [] and reading.report.skipped == {"malformed entry": 2}


def test_a_mask_that_does_not_fill_its_picture_costs_its_row(result, tmp_path):
    path = write(tmp_path, result, result)
    rows = parquet.read_table(path)
    broken = rows.to_pylist()
    broken[0]["height"] = 41
    parquet.write_table(pyarrow.Table.from_pylist(broken, rows.schema), path)
    reading = read_results(path)
    assert len(list(reading)) == 1 and reading.report.skipped == {"malformed entry": 1}


def test_without_pyarrow_the_extra_is_named(result, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"lexiseg\[parquet\]"):
        WRITERS["parquet"]([result], tmp_path, name="a")


def test_many_rows_are_written_in_groups(result, tmp_path):
    small = replace(result, instances=Instances((Instance("dog", 0.5, result[0].mask),), (40, 56)))
    path = write(tmp_path, *([small] * 300))
    assert parquet.ParquetFile(path).num_row_groups == 2
    assert len(list(read_results(path))) == 300


def shown(language):
    """The programs of that language on the page about these files."""
    page = Path(__file__).parents[2].joinpath("docs/clusters.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def in_a_run(result, tmp_path, monkeypatch):
    """Be where the page's programs are: beside the folder `out` of a run."""
    (tmp_path / "out").mkdir()
    write_parquet.write(iter([result]), Destination(tmp_path / "out", "annotations"))
    monkeypatch.chdir(tmp_path)


def test_what_the_page_shows_in_python_works(result, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas", reason="extra tables")
    pytest.importorskip("pycocotools", reason="extra test")
    in_a_run(result, tmp_path, monkeypatch)
    ours, counting, decoding = ({}, {}, {})
    for program, names in zip(shown("python"), (ours, counting, decoding), strict=True):
        exec(program, names)
    labels = [item.label for item in result.instances]
    assert str(list(labels)) in capsys.readouterr().out.replace("(", "[").replace(")", "]")
    assert counting["labels"].tolist() == labels
    assert (decoding["pixels"] == result.instances[0].mask.to_array()).all()


def test_what_the_page_shows_in_sql_works(result, tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb", reason="tried with the programs")
    in_a_run(result, tmp_path, monkeypatch)
    (program,) = shown("sql")
    counted = {label: number for label, number, _ in duckdb.sql(program).fetchall()}
    assert counted == Counter(item.label for item in result.instances)
