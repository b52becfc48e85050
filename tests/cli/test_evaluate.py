"""Objects judged from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexiseg.registry import METHODS, REPLICATIONS

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Two pictures: a red square that is annotated, and nothing."""
    folder = tmp_path / "coco"
    (folder / "annotations").mkdir(parents=True)
    (folder / "val2017").mkdir()
    images = []
    for number in (7, 3):
        pixels = np.zeros((12, 16, 3), np.uint8)
        pixels[..., 2] = 9
        if number == 7:
            pixels[2:8, 3:9] = (255, 0, 0)
        Image.fromarray(pixels).save(folder / "val2017" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": 12, "width": 16})
    square = {"id": 1, "image_id": 7, "category_id": 18, "area": 36, "iscrowd": 0,
              "segmentation": [[3, 2, 9, 2, 9, 8, 3, 8]]}  # fmt: skip
    tables = {
        "images": images,
        "annotations": [square],
        "categories": [{"id": 18, "name": "red"}, {"id": 2, "name": "green"}],
    }
    path = folder / "annotations" / "instances_val2017.json"
    path.write_text(json.dumps(tables), encoding="utf-8")
    return folder


def test_coco_is_judged_and_written_for_other_tools(
    lexiseg_command: Command, coco: Path, tmp_path: Path
) -> None:
    code, printed, _ = lexiseg_command(
        "evaluate", "color", "--dataset", "coco", "--data", coco, "-o", tmp_path / "run"
    )
    assert code == 0
    assert "| ap | 100.0 |" in printed
    stored = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert stored["protocol"]["asked"] == "all classes in every image"
    assert stored["protocol"]["classes"] == ["green", "red"]
    entries = json.loads((tmp_path / "run" / "coco-results.json").read_text(encoding="utf-8"))
    assert [(row["image_id"], row["category_id"]) for row in entries] == [(7, 18)]


def test_methods_that_find_objects_get_the_objects_of_miniworld(
    lexiseg_command: Command, color_method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finders = ("tides", "tides-raw", "sam+clip", "grounded-sam", "owlv2+sam")
    assert all(METHODS[name].task == "instances" for name in finders)
    monkeypatch.setattr(color_method, "task", "instances", raising=False)
    code, printed, _ = lexiseg_command("evaluate", "color", "--dataset", "miniworld", "--limit", 2)
    assert code == 0
    assert "| ap | 0.0 |" in printed
    monkeypatch.setattr(color_method, "task", "semantic")
    _, printed, _ = lexiseg_command("evaluate", "color", "--dataset", "miniworld", "--limit", 2)
    assert "| miou | " in printed


def test_a_method_is_measured_with_its_settings_for_that(
    lexiseg_command: Command, color_method: Any, coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured: list[dict[str, Any]] = []

    def remember(self: Any, **options: Any) -> Any:
        configured.append(options)
        return self

    usual = {"min_score": 0.0, "min_density": 0.05}
    monkeypatch.setattr(color_method, "measured", usual, raising=False)
    monkeypatch.setattr(color_method, "configured", remember, raising=False)
    assert lexiseg_command("evaluate", "color", "--dataset", "coco", "--data", coco)[0] == 0
    assert configured == [usual]


def test_options_that_do_not_go_together_are_refused(lexiseg_command: Command, coco: Path) -> None:
    judge = ("--judge", "candidates=present")
    for arguments, reason in (
        (("--dataset", "coco", "--data", coco, *judge), "name segments"),
        (("--dataset", "coco", "--data", coco, "--judge", "candidates"), "--judge was given"),
        (("--replicate", *judge), "go with --dataset"),
        (("--replicate", "--set", "eta=0.4"), "go with --dataset"),
        (("--replicate",), f"Unknown replication 'color'; known: {', '.join(REPLICATIONS)}"),
    ):
        code, _, said = lexiseg_command("evaluate", "color", *arguments)
        assert code == 2 and reason in said


def test_finished_files_are_scored_without_a_method(
    lexiseg_command: Command, coco: Path, tmp_path: Path
) -> None:
    (truth,) = coco.rglob("instances_*.json")
    files = ("evaluate", "--predictions", truth, "--truth", truth)
    code, printed, _ = lexiseg_command(*files, "-o", tmp_path / "scores")
    assert code == 0 and "| ap | 100.0 |" in printed
    assert (tmp_path / "scores" / "report.md").is_file()
    for wrong in (files[:3], (*files, "--dataset", "coco"), ("evaluate",)):
        code, _, said = lexiseg_command(*wrong)
        assert code == 2 and said.count("\n") == 1


@pytest.mark.parametrize("name", ["report.md", "result.json", "per_class.csv", "coco-results.json"])
def test_files_of_others_are_replaced_only_when_that_is_said(
    lexiseg_command: Command, coco: Path, tmp_path: Path, name: str, color_method: Any
) -> None:
    run = ("evaluate", "color", "--dataset", "coco", "--data", coco, "-o", tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("mine")
    code, printed, said = lexiseg_command(*run)
    assert code == 2 and not printed and f"{name} exists already" in said and "--overwrite" in said
    assert [path.name for path in (tmp_path / "run").iterdir()] == [name]
    assert (tmp_path / "run" / name).read_text() == "mine"
    assert lexiseg_command(*run, "--overwrite")[0] == 0
    assert (tmp_path / "run" / name).read_text() != "mine"
    assert lexiseg_command(*run)[0] == 0  # its own now


def test_scores_of_finished_files_replace_no_file_of_others(
    lexiseg_command: Command, coco: Path, tmp_path: Path
) -> None:
    (truth,) = coco.rglob("instances_*.json")
    files = ("evaluate", "--predictions", truth, "--truth", truth, "-o", tmp_path / "scores")
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "report.md").write_text("mine")
    code, _, said = lexiseg_command(*files)
    assert code == 2 and "report.md exists already" in said
    assert (tmp_path / "scores" / "report.md").read_text() == "mine"
    assert lexiseg_command(*files, "--overwrite")[0] == 0
    assert lexiseg_command(*files)[0] == 0


def test_a_replication_replaces_no_page_of_others(
    lexiseg_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexiseg.registry import REPLICATIONS
    from lexiseg.replication.engine import Replication

    class Nothing:
        def __init__(self, *given: object) -> None:
            pass

        def run(self, task: object) -> object:
            return task

        def tasks(self) -> list[object]:
            return []

        def report(self, command: str) -> str:
            return command

    paper = Replication("color", "page.md", Nothing, Nothing, lambda report, files: report)
    monkeypatch.setitem(REPLICATIONS._targets, "color", paper)
    run = ("evaluate", "color", "--replicate", "-o", "pages")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page.md").write_text("mine")
    code, _, said = lexiseg_command(*run)
    assert code == 2 and "page.md exists already" in said
    assert (tmp_path / "pages" / "page.md").read_text() == "mine"
    assert lexiseg_command(*run, "--overwrite")[0] == 0
    code, printed, _ = lexiseg_command(*run)
    assert code == 0 and "--replicate" in printed
