"""Going through a data set image by image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lexiseg.errors import DatasetError, ImageError
from lexiseg.evaluation.collecting import collect
from lexiseg.io.output_folder import output_folder


class Letters(SimpleNamespace):
    """Images are letters; what is judged is their code."""

    name = "letters"

    @property
    def ids(self) -> list[str]:
        return [f"id {letter}" for letter in self.letters]

    def __getitem__(self, index: int) -> str:
        letter: str = self.letters[index]
        return letter


def judge(letter: str) -> dict[str, Any]:
    if letter == "x":
        raise ImageError("x is no letter; take another")
    return {"code": ord(letter) if letter != "y" else 1 // 0}


def test_records_come_in_order_and_failures_with_their_reasons(tmp_path, capsys):
    done = collect(judge, Letters(letters="bxya"), {}, output_folder(tmp_path), quiet=True)
    assert list(done.records) == [{"id": "id b", "code": 98}, {"id": "id a", "code": 97}]
    assert done.failures == {
        "id x": "x is no letter; take another",
        "id y": "ZeroDivisionError: integer division or modulo by zero",
    }
    assert "id x: x is no letter" in capsys.readouterr().err


def test_what_has_a_record_is_not_judged_again(tmp_path):
    first = collect(
        judge, Letters(letters="abc"), {"t": 1}, output_folder(tmp_path), limit=2, quiet=True
    )
    assert [record["id"] for record in first.records] == ["id a", "id b"]
    asked = []
    rest = collect(
        lambda letter: asked.append(letter) or {"code": 0},
        Letters(letters="abc"), {"t": 1}, output_folder(tmp_path), quiet=True,
    )  # fmt: skip
    assert asked == ["c"] and [record["code"] for record in rest.records] == [97, 98, 0]


@pytest.mark.parametrize(("letters", "reason"), [("", "it holds no image"), ("xy", "x is no")])
def test_nothing_judged_is_an_error_with_the_first_reason(letters, reason, tmp_path):
    with pytest.raises(DatasetError, match=f"'letters' could be judged: {reason}"):
        collect(judge, Letters(letters=letters), {}, output_folder(tmp_path), quiet=True)
