from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiseg.errors import OutputError
from lexiseg.io.output_folder import output_folder
from lexiseg.io.record_file import RecordFile


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 400))
def test_any_cut_loses_at_most_the_line_it_falls_in(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    with RecordFile(path, {"of": "x"}) as file:
        for k in range(8):
            file.append({"id": f"image-{k}", "value": "é" * k})
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with RecordFile(path, {"of": "x"}) as file:
        assert len(file.records) == max(0, whole - 1)
        file.append({"id": "new"})
    with RecordFile(path, {"of": "x"}) as file:
        assert "new" in file.records


def test_other_terms_are_named(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    RecordFile(path, {"theta": 0.5, "eta": 1}).__exit__(None, None, None)
    with pytest.raises(OutputError, match="another theta"):
        RecordFile(path, {"theta": 0.6, "eta": 1})


@pytest.mark.parametrize(
    "content", [b"my own notes", b"my own\nnotes", b"[1]\n{}\n", b'{"of": "x"}\n{"value": 1}\nrest']
)
def test_a_file_of_somebody_else_is_refused_and_stays_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="no file of records"):
        RecordFile(path, {"of": "x"})
    assert path.read_bytes() == content
    with RecordFile(path, {"of": "x"}, overwrite=True) as file:
        file.append({"id": "a"})
    with RecordFile(path, {"of": "x"}) as file:
        assert file.records == {"a": {"id": "a"}}


def test_overwriting_begins_anew_under_other_terms_only(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with RecordFile(path, {"theta": 0.5}) as file:
        file.append({"id": "a"})
    with RecordFile(path, {"theta": 0.5}, overwrite=True) as file:
        assert "a" in file.records
    with RecordFile(path, {"theta": 0.6}, overwrite=True) as file:
        assert not file.records


def test_a_folder_notes_its_records(tmp_path: Path) -> None:
    files = output_folder(tmp_path)
    RecordFile.open_in(files, "records.jsonl", {}).__exit__(None, None, None)
    assert output_folder(tmp_path).manifest.holds(tmp_path / "records.jsonl")
