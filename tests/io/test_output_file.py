"""Whole files, no silent overwriting."""

from __future__ import annotations

import json

import pytest

from lexiseg.errors import OutputError
from lexiseg.io.output_file import json_text, open_output


def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), open_output(path, overwrite=True) as stream:
        stream.write(b"half of the new")
        _ = 1 / 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OutputError, match="exists"), open_output(path, overwrite=False) as stream:
        stream.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"


def test_a_new_file_has_ordinary_permissions(tmp_path):
    with open_output(tmp_path / "a", overwrite=False) as stream:
        stream.write(b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_json_text_keeps_every_string():
    for text in ("犬 🐕", "\ud800 lone", "a\u2028b", "\0"):
        encoded = json_text({text: text}).encode()
        assert json.loads(encoded) == {text: text}
