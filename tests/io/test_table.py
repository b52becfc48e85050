"""CSV files and frames."""

from __future__ import annotations

import pytest

from lexiseg.errors import UsageError
from lexiseg.io.table import read_csv, to_pandas, write_csv


def test_regions_come_back_exactly(result, empty_result, regions_of, tmp_path):
    (path,) = write_csv(iter([result, empty_result, result]), tmp_path, name="a")
    (again,) = read_csv(path)  # two results of one picture stand together
    assert regions_of(again) == regions_of(result) * 2
    assert again.path == result.path


def test_pandas_reads_the_file_and_agrees_with_the_frame(result, tmp_path):
    import pandas

    (path,) = write_csv([result], tmp_path, name="a")
    frame = to_pandas(result)
    read = pandas.read_csv(path)
    assert list(frame["label"]) == list(read["label"]) == list(result.instances.labels)
    assert list(read["area"]) == result.instances.areas.tolist()
    assert frame.columns.tolist() == read.columns.tolist()[:-1]


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
