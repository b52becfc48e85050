"""The reference pack of the oracles, where it is at hand."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks import parity_oracle
from benchmarks.parity import check


@pytest.fixture(scope="module")
def pack(shared):
    folder = shared / "reference" / "oracle"
    if not folder.is_dir():
        pytest.skip("needs the reference pack of the oracles")
    return folder


def test_every_array_of_the_pack_is_rebuilt(pack, capsys) -> None:
    assert parity_oracle.recognizes(pack)
    assert check(pack), capsys.readouterr().out


def test_another_threshold_would_be_noticed(pack, tmp_path) -> None:
    folder = shutil.copytree(pack, tmp_path / "pack")
    (folder / "oracle_synthetic.json").chmod(0o644)
    content = json.loads((folder / "oracle_synthetic.json").read_text("utf-8"))
    content["overlap_threshold"] = 0.1
    (folder / "oracle_synthetic.json").write_text(json.dumps(content), encoding="utf-8")
    failed = [c.name for c in parity_oracle.rebuild(folder) if not c.passed]
    assert any(name.startswith("baseline") for name in failed)
    assert not any(name.startswith(("match", "dense", "synthetic")) for name in failed)
