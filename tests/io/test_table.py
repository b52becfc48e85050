"""CSV files and frames."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import UsageError
from lexiseg.io.read_context import ReadContext
from lexiseg.io.table import read_csv, to_pandas, write_csv
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result


def test_regions_refusals_and_empty_pictures_come_back(result, empty_result, regions_of, tmp_path):
    bare = replace(empty_result, names=(), presence=PresenceTrace([]), path=None)
    (path,) = write_csv(iter([result, empty_result, bare, result]), tmp_path, name="a")
    again = list(read_csv(path))
    assert [regions_of(r) for r in again] == [regions_of(result), [], [], regions_of(result)]
    assert [r.path for r in again] == [result.path, empty_result.path, None, result.path]
    assert [r.size_hw for r in again] == [result.size_hw] * 4
    assert {name: entry.kept for name, entry in again[0].presence.items()} == {
        name: entry.kept for name, entry in result.presence.items()
    }
    assert again[0].presence["zebra"].score == result.presence["zebra"].score
    assert again[1].names == ("zebra",) and not again[1].presence["zebra"].kept
    assert again[2].names == ()


def test_refused_names_and_empty_pictures_have_no_mask(result, empty_result, tmp_path):
    bare = replace(empty_result, names=(), presence=PresenceTrace([]), path=None)
    (path,) = write_csv([result, bare], tmp_path, name="a")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kept = len(result.instances)
    last = list(rows[0])[-1]
    assert all(row[last] for row in rows[:kept])
    assert [row[last] for row in rows[kept:]] == ["", ""]


def test_numbers_of_pictures_and_categories_are_those_of_coco(result, empty_result, tmp_path):
    (path,) = write_csv([empty_result, result], tmp_path, name="a")
    again = list(read_csv(path))
    assert [r.origin.image_id for r in again] == [1, 2]
    numbers = {name: entry.number for name, entry in again[1].origin.categories.items()}
    assert numbers == {"zebra": 1, "dog": 2, "red/blue car": 3, result.names[2]: 4, "CON": 5}


def test_pandas_reads_the_file_and_agrees_with_the_frame(result, tmp_path):
    import pandas

    (path,) = write_csv([result], tmp_path, name="a")
    frame = to_pandas(result)
    read = pandas.read_csv(path)
    kept = read[read["kept"] == 1]
    assert list(frame["label"]) == list(kept["label"]) == list(result.instances.labels)
    assert list(kept["area"]) == result.instances.areas.tolist()
    assert frame.columns.tolist() == read.columns.tolist()[:-4]


def test_a_frame_without_regions_has_its_columns(empty_result):
    frame = to_pandas(empty_result)
    assert len(frame) == 0
    assert "label" in frame.columns


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "image,label\nx,y\n", "\xff"])
def test_other_files_are_one_sentence(text, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"a\.csv"):
        list(read_csv(path))


def one(label, mask=None):
    mask = np.ones((2, 3), bool) if mask is None else mask
    found = Instances((Instance(label, 0.5, Mask.from_array(mask)),), mask.shape)
    verdicts = PresenceTrace([Presence(label, 0.5, True, "")])
    return Result(mask.shape, (label,), found, verdicts, Recipe("car", "mini"))


@pytest.mark.parametrize("label", ["=1+1", "+a", "-a", "@a", "\ta", "'=a", "'a", "''", "a'", "\ra"])
def test_no_cell_is_a_formula_and_every_label_comes_back(label, tmp_path):
    (path,) = write_csv([one(label)], tmp_path, name="a", overwrite=True)
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    (again,) = read_csv(path)
    assert again.names == again.instances.labels == (label,)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1), st.integers(0, 2**12 - 1))
def test_any_label_and_mask_survive(tmp_path_factory, label, bits):
    mask = (bits >> np.arange(12).reshape(3, 4)) & 1 == 1
    mask[0, 0] = True
    folder = tmp_path_factory.mktemp("csv")
    (path,) = write_csv([one(label, mask)], folder, name="a")
    (again,) = read_csv(path)
    assert again.instances.labels == (label,)
    assert np.array_equal(again.instances[0].mask.to_array(), mask)


def test_an_odd_row_costs_itself_and_is_named(result, regions_of, tmp_path):
    (path,) = write_csv([result], tmp_path, name="a")
    lines = path.read_text("utf-8").splitlines()
    cut, far = lines[1].rsplit(",", 1)[0], lines[2].replace("0.5", "nan", 1)
    path.write_text("\n".join([lines[0], cut, far, *lines[3:]]), "utf-8")
    context = ReadContext()
    (again,) = read_csv(path, context)
    assert regions_of(again) == regions_of(result)[2:]
    assert [skip.entry for skip in context.report.skips] == ["line 2", "line 3"]
    assert context.report.skipped == {"row that is cut off": 1, "malformed entry": 1}


def test_files_of_older_versions_are_read(result, regions_of, tmp_path):
    (path,) = write_csv([result], tmp_path, name="a")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kept"] == "1"]
    older = [c for c in rows[0] if c not in ("kept", "image_id", "category_id", "is_thing")]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, older, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    (again,) = read_csv(path)
    assert regions_of(again) == regions_of(result)
