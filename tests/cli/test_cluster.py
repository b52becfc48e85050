"""``--engine ray``: what it goes with. (What it does is tested in tests/integrations.)"""

from __future__ import annotations

import sys

import pytest

ASK = ("--method", "color", "-t", "red")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give it with -o"),
        (("-o", "out", "--json"), "no --json"),
        (("-o", "out", "-f", "coco,png"), "'coco,png'; leave it out"),
    ],
)
def test_options_of_one_machine_are_refused(lexiseg_command, pictures, words, said):
    code, _, err = lexiseg_command("segment", pictures, *ASK, "--engine", "ray", *words)
    assert code == 2 and said in err and len(err.splitlines()) == 1


def test_an_address_is_no_folder_of_one_machine(lexiseg_command, pictures, tmp_path):
    code, _, err = lexiseg_command("segment", pictures, *ASK, "-o", "s3://bucket/out")
    assert code == 2 and "add --engine ray" in err
    assert not list(tmp_path.glob("s3*"))


def test_an_evaluation_of_files_is_refused(lexiseg_command):
    code, _, err = lexiseg_command("evaluate", "color", "--replicate", "--engine", "ray")
    assert code == 2 and "--engine ray goes with --dataset NAME" in err


def test_without_ray_its_extra_is_named(lexiseg_command, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = lexiseg_command("segment", pictures, *ASK, "--engine", "ray", "-o", "out")
    assert code == 2 and "pip install 'lexiseg[ray]'" in err


@pytest.mark.parametrize("place", ["s3://bucket/*.jpg", "nowhere://x/a.jpg"])
def test_a_store_without_its_package_is_one_sentence(lexiseg_command, monkeypatch, place):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    code, _, err = lexiseg_command("segment", place, *ASK, "--engine", "ray", "-o", "out")
    assert code == 2 and f"{place} cannot be reached" in err
    assert ("lexiseg[s3]" in err) == place.startswith("s3")


def test_conversions_go_to_a_folder_of_this_machine(lexiseg_command, pictures):
    code, _, err = lexiseg_command("convert", pictures, "--to", "coco", "-o", "s3://bucket/out")
    assert code == 2 and "expected a folder of this machine" in err
