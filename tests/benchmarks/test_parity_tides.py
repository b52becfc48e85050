"""The reference pack of the official scorers, where it is at hand."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks import parity_tides
from benchmarks.parity import check


@pytest.fixture(scope="module")
def pack(shared):
    folder = shared / "reference" / "tides"
    if not folder.is_dir():
        pytest.skip("needs the TIDES reference pack")
    return folder


def test_every_array_of_the_pack_is_rebuilt(pack, capsys) -> None:
    assert parity_tides.recognizes(pack)
    assert check(pack), capsys.readouterr().out


def test_outputs_are_not_read_as_inputs(pack) -> None:
    with pytest.raises(AssertionError):
        parity_tides.ScorerPack(pack).input("sclip_slide_logits")


@pytest.mark.parametrize("absent", [{"area_thd": None}, {"prob_thd": None, "area_thd": None}])
def test_thresholds_that_are_null_are_not_applied(pack, tmp_path, absent) -> None:
    folder = shutil.copytree(pack, tmp_path / "pack")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    plain = parity_tides.ScorerPack(folder).threshold("area_thd")
    (folder / "config.json").write_text(json.dumps({**config, **absent}), encoding="utf-8")
    changed = parity_tides.ScorerPack(folder)
    assert plain == config["area_thd"] and changed.threshold("area_thd") == 0
    failed = [c.name for c in parity_tides.rebuild(folder) if not c.passed]
    assert all(name.endswith("_slide_pred") for name in failed)  # nothing else depends on them
