"""``lexiseg label`` with a labeler that needs no weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lexiseg.io.image import read_image
from lexiseg.registry import METHODS
from lexiseg.types import Instance, Instances, Mask, Presence, PresenceTrace, Recipe, Result

NAMES = ("red", "green", "blue")


class ColorLabeler:
    """Says which colours a picture is made of."""

    asked: ClassVar[dict] = {}
    name, task, verbs, takes_stuff = "colors", "self-named", ("label",), False

    @classmethod
    def load(cls, **options):
        cls.asked = options
        return cls()

    def recipe(self):
        return Recipe("colors", "mini", {"depth": 8})

    def configured(self, **options):
        return self

    def encode(self, image):
        return image

    def label(self, image):
        pixels = read_image(image)
        strongest = pixels.argmax(axis=2)
        size = pixels.shape[:2]
        items = tuple(
            Instance(
                NAMES[k], 1.0, Mask.from_array(strongest == k),
                details={"node": int(k)}, alternatives=(("ink", 0.5),),
            )
            for k in np.unique(strongest)
        )  # fmt: skip
        verdicts = PresenceTrace([Presence(item.label, 1.0, True, "seen") for item in items])
        recipe = replace(self.recipe(), timing_ms={"total": 1.0})
        return Result(
            size, tuple(verdicts), Instances(items, size), verdicts, recipe, image, pixels
        )


@pytest.fixture(autouse=True)
def color_labeler(monkeypatch):
    monkeypatch.setitem(METHODS._targets, "colors", ColorLabeler)


def test_overlay_and_json_without_a_question(lexiseg_command, pictures, tmp_path):
    code, out, err = lexiseg_command("label", pictures, "--method", "colors")
    folder = tmp_path / "lexiseg-out"
    assert code == 0 and out == "" and "2 of 2 images done" in err
    assert (folder / "0.overlay.jpg").exists() and (folder / "annotations.coco.json").exists()
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert {item["label"] for item in records[0]["instances"]} == {"red", "blue"}
    assert records[0]["instances"][0]["alternatives"] == [{"label": "ink", "score": 0.5}]
    assert records[0]["instances"][0]["details"] == {"node": 0}
    assert ColorLabeler.asked["preset"] == "paper"


def test_json_lines_and_resuming(lexiseg_command, pictures):
    words = ("label", pictures, "--method", "colors", "-o", "out", "--json")
    _, first, _ = lexiseg_command(*words)
    ColorLabeler.asked = {}
    code, again, _ = lexiseg_command(*words)
    assert code == 0 and first == again and len(first.splitlines()) == 2
    assert ColorLabeler.asked == {}


def test_decoder_and_words_reach_the_method(lexiseg_command, pictures: Path):
    lexiseg_command(
        "label", pictures, "--method", "colors", "--decoder", "zerocap",
        "--vocabulary", "mine.txt", "--set", "merge=false", "--preset", "paper",
    )  # fmt: skip
    asked = ColorLabeler.asked
    assert asked["decoder"] == "zerocap" and asked["decoder.words"] == "mine.txt"
    assert asked["merge"] is False and asked["preset"] == "paper"


def test_a_bad_picture_is_reported_and_the_rest_done(lexiseg_command, pictures):
    (pictures / "a.png").write_bytes(b"no picture")
    code, _, err = lexiseg_command("label", pictures, "--method", "colors")
    assert code == 1 and "2 of 3 images done, 1 failed" in err and "a.png" in err


def test_methods_are_asked_only_for_what_they_offer(lexiseg_command, pictures):
    code, _, err = lexiseg_command("label", pictures, "--method", "color")
    assert code == 2 and "'color' cannot label" in err
    code, _, err = lexiseg_command("segment", pictures, "-t", "red", "--method", "colors")
    assert code == 2 and "'colors' cannot segment" in err


def test_help_has_an_example(lexiseg_command):
    code, out, _ = lexiseg_command("label", "--help")
    assert code == 0 and "Example: lexiseg label photo.jpg" in out
