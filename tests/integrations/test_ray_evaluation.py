"""Data sets judged on Ray: the same records and numbers as here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

import lexiseg
from lexiseg.datasets.miniature import open_miniworld
from lexiseg.errors import LexisegError
from lexiseg.evaluation import evaluate

ray = pytest.importorskip("ray")
from lexiseg.integrations.ray_evaluation import OnCluster  # noqa: E402
from tests.integrations.ray_methods import Absent  # noqa: E402

# Ray's own code uses what it has deprecated.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}Warning")
    for kind in ("Deprecation", "Future", "Resource")
]
LOAD = partial(lexiseg.load, "maskclip", preset="mini", device="cpu", dtype="float32")


@pytest.fixture(scope="module", autouse=True)
def one_cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


def records(folder):
    lines = (folder / "records.jsonl").read_text().splitlines()
    return {json.loads(line)["id"]: line for line in lines[1:]}


def test_records_and_numbers_are_those_of_one_machine(tmp_path):
    method, dataset = LOAD(), open_miniworld()
    here = evaluate(method, dataset, out=tmp_path / "here", limit=10, quiet=True)
    elsewhere = OnCluster(LOAD, method.recipe(), workers=1)
    evaluate(method, dataset, out=tmp_path / "ray", limit=3, quiet=True)  # it goes on with these
    there = evaluate(
        method, dataset, out=tmp_path / "ray", limit=10, quiet=True, elsewhere=elsewhere
    )
    assert records(tmp_path / "here") == records(tmp_path / "ray")
    assert here.summary.scores == there.summary.scores


def test_actors_with_another_method_are_refused(tmp_path):
    method, dataset = LOAD(), open_miniworld()
    other = replace(method.recipe(), versions={"torch": "1"})
    with pytest.raises(LexisegError, match="another recipe.*torch"):
        evaluate(
            method, dataset, out=tmp_path, limit=2, quiet=True,
            elsewhere=OnCluster(LOAD, other, workers=1),
        )  # fmt: skip


def test_actors_without_the_weights_end_it_in_their_sentence(tmp_path):
    method, dataset = LOAD(), open_miniworld()
    with pytest.raises(LexisegError, match=r"^There are no weights; fetch them\.$"):
        evaluate(
            method, dataset, out=tmp_path, limit=2, quiet=True,
            elsewhere=OnCluster(Absent().load, method.recipe(), workers=1),
        )  # fmt: skip


def test_the_command_writes_what_it_writes_here(tmp_path):
    words = "evaluate maskclip --preset mini --dataset miniworld --limit 4 --device cpu --quiet"
    commands = {"here": "", "ray": "--engine ray --jobs 1"}
    tables = {}
    for place, more in commands.items():
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from lexiseg.cli import main; main()"),
                *f"{words} {more} -o {tmp_path / place}".split(),
            ],
            env={**os.environ, "RAY_ADDRESS": "local"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        tables[place] = done.stdout
    assert records(tmp_path / "here") == records(tmp_path / "ray")
    assert len(records(tmp_path / "ray")) == 4
    assert tables["here"] == tables["ray"]
