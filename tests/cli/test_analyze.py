"""``lexiseg analyze`` on a painted data set, with a method that needs no weights."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace

import pytest

from lexiseg.methods.tides import Tides
from lexiseg.registry import DATASETS, METHODS, REPLICATIONS
from tests.analysis.tides.conftest import SCENES, Boxes, build


class LoadedTides(Tides):
    asked: dict = {}  # noqa: RUF012 - one test looks at it

    @classmethod
    def load(cls, **options):
        cls.asked = options
        return build()


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setitem(METHODS._targets, "tides", LoadedTides)
    monkeypatch.setitem(DATASETS._targets, "boxes", lambda data, **options: Boxes(**options))


def test_both_studies_have_an_example(lexiseg_command):
    code, out, _ = lexiseg_command("analyze", "--help")
    assert code == 0 and "psm-bias" in out and "tides-oracles" in out
    for study in ("psm-bias", "tides-oracles"):
        code, out, _ = lexiseg_command("analyze", study, "--help")
        assert code == 0 and f"Example: lexiseg analyze {study}" in " ".join(out.split())


def test_psm_bias(lexiseg_command, tmp_path, monkeypatch):
    groups = tmp_path / "groups.yaml"
    groups.write_text("groups: {warm: [red], cold: [green, blue]}")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    words = ("analyze", "psm-bias", "--dataset", "boxes", "--limit", "2", "--points", "2")
    code, out, err = lexiseg_command(
        *words,
        "--groups",
        groups,
        "--segmenter",
        "any",
        "--set",
        "bins=20",
        "-o",
        tmp_path / "bias",
    )
    assert code == 0 and "| warm | prompt | Best Score |" in out
    assert "No plots: Drawing histograms needs an optional package" in err
    expected = {"preset": "paper", "device": "auto", "dtype": "auto"}
    assert LoadedTides.asked == {**expected, "segmenter": "any", "bins": 20}
    with (tmp_path / "bias" / "psm-bias.csv").open() as stream:
        assert {row["group"] for row in csv.DictReader(stream)} == {"all classes", "warm", "cold"}
    assert json.loads((tmp_path / "bias" / "psm-bias.json").read_text())["images"] == 2


def test_tides_oracles(lexiseg_command, tmp_path):
    words = ("analyze", "tides-oracles", "--dataset", "boxes", "--scenes", "1")
    code, out, err = lexiseg_command(*words, "-o", tmp_path / "oracles", "--scorer", "any")
    assert code == 0 and "| all | 100.0 |" in out and "tides-oracles.json" in err
    assert LoadedTides.asked["scorer"] == "any" and "segmenter" not in LoadedTides.asked


def test_failed_images_are_told(lexiseg_command, tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS._targets, "boxes", lambda data: Boxes(broken=(1,)))
    words = ("analyze", "tides-oracles", "--dataset", "boxes", "--limit", "2")
    code, _, err = lexiseg_command(*words, "-o", tmp_path / "oracles")
    assert code == 1 and "image-1: this picture is broken" in err


def test_a_data_set_without_masks_of_objects(lexiseg_command, tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS._targets, "boxes", lambda data: Boxes(task="semantic"))
    code, out, err = lexiseg_command("analyze", "psm-bias", "--dataset", "boxes", "-o", tmp_path)
    assert code == 2 and not out and "no masks of single objects" in err
    code, _, err = lexiseg_command("analyze", "psm-bias", "--dataset", "box", "-o", tmp_path)
    assert code == 2 and "Unknown data set 'box'" in err


@pytest.mark.parametrize("study", ["psm-bias", "tides-oracles"])
def test_miniworld_is_drawn(lexiseg_command, tmp_path, monkeypatch, study):
    opened = []

    def open_drawn(data, **options):
        opened.append((data, options))
        return Boxes(SCENES[:1])

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(DATASETS._targets, "miniworld-instances", open_drawn)
    code, _, _ = lexiseg_command(
        "analyze", study, "--scenes", "3", "--seed", "7", "--split", "val", "-o", tmp_path / "out"
    )
    assert code == 0 and opened == [(None, {"split": "val", "scenes": 3, "seed": 7})]
    assert LoadedTides.asked["preset"] == "mini"


@pytest.mark.parametrize(
    ("study", "name"),
    [
        ("tides-oracles", "tides-oracles.csv"),
        ("psm-bias", "psm-bias.json"),
        ("psm-bias", "per-prompt.png"),
    ],
)
def test_files_of_others_are_replaced_only_when_that_is_said(
    lexiseg_command, tmp_path, study, name
):
    run = ("analyze", study, "--dataset", "boxes", "--limit", "1", "-o", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    code, out, err = lexiseg_command(*run)
    assert code == 2 and not out and f"{name} exists already" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert lexiseg_command(*run, "--overwrite")[0] == 0
    assert (tmp_path / "out" / name).read_bytes() != b"mine"
    assert lexiseg_command(*run)[0] == 0  # its own now


@pytest.mark.parametrize("study", ["psm-bias", "tides-oracles"])
def test_what_bundled_models_know_is_said(lexiseg_command, tmp_path, monkeypatch, study):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = ("analyze", study, "--dataset", "boxes", "--limit", "1", "-o", tmp_path / "out")
    assert "they know Miniworld, not photographs" not in lexiseg_command(*run)[2]
    plain = Tides.recipe
    monkeypatch.setattr(Tides, "recipe", lambda self: replace(plain(self), preset="mini"))
    code, _, err = lexiseg_command(*run, "--overwrite")
    assert code == 0 and "note: bundled small models: they know Miniworld, not photographs" in err


def test_the_papers_tables_are_measured_where_that_is_asked(lexiseg_command, tmp_path, monkeypatch):
    asked = {}

    def replicate(**how):
        asked.update(how)
        return "# the page"

    monkeypatch.setitem(REPLICATIONS._targets, "fc-clip", replicate)
    words = ("analyze", "oracles", "--replicate", "-o", tmp_path / "out", "--scenes", "3")
    code, out, _ = lexiseg_command(*words, "--jobs", "1")
    assert code == 0 and out == "# the page\n"
    assert asked["scenes"] == 3 and asked["jobs"] == 1 and asked["out"] == tmp_path / "out"


def test_oracles_need_a_truth_or_the_papers_tables(lexiseg_command, tmp_path):
    code, _, err = lexiseg_command("analyze", "oracles", "-o", tmp_path)
    assert code == 2 and "Nothing says what is true" in err
    words = ("analyze", "oracles", "--replicate", "--pred", tmp_path, "-o", tmp_path)
    code, _, err = lexiseg_command(*words)
    assert code == 2 and "--replicate goes with -o, --scenes and --jobs" in err
