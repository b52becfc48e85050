"""What every registered format and converter must do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexiseg.errors import MissingExtraError, OutputError
from lexiseg.registry import CONVERTERS, WRITERS
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result


def answer(found: bool = True) -> Result:
    region = np.zeros((12, 16), bool)
    region[2:7, 3:12] = True
    items = (Instance("dog / 犬", 0.75, Mask.from_array(region)),) if found else ()
    presence = [Presence("dog / 犬", 0.75, found, "kept"), Presence("zebra", 0.1, False, "step 1")]
    image = np.full((12, 16, 3), 120, np.uint8)
    names = ("dog / 犬", "zebra")
    recipe = Recipe("car", "mini", timing_ms={"total": 1.0})
    trace = PresenceTrace(presence)
    return Result((12, 16), names, Instances(items, (12, 16)), trace, recipe, Path("a.png"), image)


@pytest.mark.parametrize("name", list(WRITERS))
@pytest.mark.parametrize("found", [True, False], ids=["found", "empty"])
def test_writes_what_it_says_and_never_twice(tmp_path: Path, name: str, found: bool) -> None:
    result = answer(found)
    written = result.save(tmp_path, formats=[name])
    assert all(path.exists() for path in written)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    if not files:
        assert not found
        return
    with pytest.raises(OutputError, match="exists already"):
        result.save(tmp_path, formats=[name])
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files
    assert result.save(tmp_path, formats=[name], overwrite=True) == written


def test_all_formats_fit_into_one_folder(tmp_path: Path) -> None:
    written = answer().save(tmp_path, formats=list(WRITERS))
    assert len(set(written)) == len(written)


@pytest.mark.parametrize("name", list(WRITERS))
def test_folder_that_is_a_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        answer().save(blocked, formats=[name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", list(WRITERS))
def test_scope_is_known(name: str) -> None:
    assert WRITERS[name].scope in ("image", "collection")


@pytest.mark.parametrize("name", list(CONVERTERS))
@pytest.mark.parametrize("found", [True, False], ids=["found", "empty"])
def test_converters_give_something_or_name_the_extra(name: str, found: bool) -> None:
    try:
        assert answer(found).convert(name) is not None
    except MissingExtraError as error:
        assert "pip install" in str(error)
