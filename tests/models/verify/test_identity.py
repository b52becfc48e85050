"""Who a file is: right, wrong, cut off, a look-alike, another checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lexiseg.errors import WeightsNotFoundError
from lexiseg.models.verify.identity import check_identity
from lexiseg.models.verify.outcome import CheckRow
from lexiseg.models.verify.published import KnownFile, LookAlike, PublishedTables

CONTENT, OTHER, DISTILLED = b"weights" * 100, b"weightx" * 100, b"encoder" * 100


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


TABLES = PublishedTables(
    files=(
        KnownFile(
            "right", "right.pth", "Apache-2.0", "a page", len(CONTENT), sha256(CONTENT),
            md5=hashlib.md5(CONTENT).hexdigest(),
        ),
        KnownFile("other", "other.pth", "MIT", "another page", sha256=sha256(OTHER)),
    ),
    look_alikes=(LookAlike(sha256(DISTILLED), "distilled/right.pth", "holds the encoder alone"),),
)  # fmt: skip


def check(tmp_path: Path, content: bytes, name: str = "right", file: str = "right.pth"):
    path = tmp_path / file
    path.write_bytes(content)
    return check_identity(name, path, TABLES)


def verdicts(rows: list[CheckRow]) -> dict[str, str]:
    return {row.check: row.verdict for row in rows}


def test_the_published_file(tmp_path: Path) -> None:
    rows = check(tmp_path, CONTENT)
    assert verdicts(rows) == dict.fromkeys(("size, bytes", "sha256", "md5", "licence"), "ok")
    assert {row.source for row in rows[:3]} == {"a page"} and rows[3].found == "Apache-2.0"


def test_under_another_name_it_is_the_same(tmp_path: Path) -> None:
    assert verdicts(check(tmp_path, CONTENT, file="download(1).pt"))["sha256"] == "ok"


def test_a_wrong_file_of_the_right_size(tmp_path: Path) -> None:
    rows = verdicts(check(tmp_path, b"weightz" * 100))
    assert rows["size, bytes"] == "ok"
    assert rows["sha256"] == rows["md5"] == "MISMATCH"


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    row, *others = check(tmp_path, CONTENT[:350])
    assert (row.check, row.verdict, row.found) == ("size, bytes", "MISMATCH", "350 (cut off: 50 %)")
    assert [other.check for other in others] == ["licence"]


def test_a_look_alike_is_named_and_refused(tmp_path: Path) -> None:
    (row,) = check(tmp_path, DISTILLED)
    assert row.verdict == "MISMATCH" and "holds the encoder alone" in row.found


def test_another_checkpoint_is_named(tmp_path: Path) -> None:
    (row,) = check(tmp_path, OTHER)
    assert row.verdict == "MISMATCH" and row.found == "other (other.pth)"


def test_a_layout_that_nothing_is_published_of(tmp_path: Path) -> None:
    row, *_ = check(tmp_path, b"x", file="right.safetensors")
    assert row.verdict == "not published" and row.found == sha256(b"x")


def test_a_folder_is_its_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsNotFoundError):
        check_identity("right", tmp_path, TABLES)
    (tmp_path / "pytorch_model.bin").write_bytes(CONTENT)
    assert verdicts(check_identity("right", tmp_path, TABLES))["sha256"] == "ok"
