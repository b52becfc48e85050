"""``lexiseg convert`` and ``lexiseg miniworld``: files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASK = ("--method", "color", "-t", "red", "-t", "green")


def test_a_run_becomes_another_format_and_nothing_is_replaced(
    lexiseg_command, pictures: Path, tmp_path: Path
) -> None:
    lexiseg_command("segment", pictures, *ASK, "-o", "run")
    code, out, err = lexiseg_command("convert", "run", "--to", "labelme", "-o", "new")
    assert code == 0 and out == "" and "2 files -> new" in err
    assert {path.name for path in (tmp_path / "new" / "labelme").iterdir()} == {"0.json", "1.json"}
    code, _, err = lexiseg_command("convert", "run", "--to", "labelme", "-o", "new")
    assert code == 2 and "exists already" in err
    assert lexiseg_command("convert", "run", "--to", "labelme", "-o", "new", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("source", "to", "sentence"),
    [
        ("none", "coco", "none does not exist"),
        ("pictures", "coco", "holds no results"),
        ("pictures", "coko", "did you mean 'coco'"),
    ],
)
def test_wrong_conversions_are_one_sentence(
    lexiseg_command, pictures: Path, source: str, to: str, sentence: str
) -> None:
    code, _, err = lexiseg_command("convert", source, "--to", to, "-o", "new")
    assert code == 2 and sentence in err and err.count("\n") == 1


def test_scenes_are_written_and_another_world_is_refused(lexiseg_command, tmp_path: Path) -> None:
    small = ("miniworld", "--out", "toy", "--size", "48", "--split", "test")
    assert lexiseg_command(*small, "--count", "2")[0] == 0
    assert len(list((tmp_path / "toy" / "JPEGImages").iterdir())) == 2
    code, _, err = lexiseg_command(*small, "--count", "2", "--seed", "1")
    assert code == 2 and "toy" in err and err.count("\n") == 1


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Three squares: one as it should be, one of no category, one without a mask or box."""
    images = [{"id": 1, "file_name": "a.png", "height": 12, "width": 16}]
    square = {"image_id": 1, "segmentation": [[3, 2, 9, 2, 9, 8, 3, 8]], "area": 36, "iscrowd": 0}
    annotations = [
        {"id": 7, "category_id": 1, **square},
        {"id": 8, "category_id": 99, **square},
        {"id": 9, "category_id": 1, "image_id": 1},
    ]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "red"}],
    }
    path = tmp_path / "in" / "annotations.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    return path


def save_picture(path: Path, color: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 16, 3), color, np.uint8)).save(path)


def test_what_was_left_out_is_told_and_is_exit_code_1(
    lexiseg_command, coco: Path, tmp_path: Path
) -> None:
    code, out, err = lexiseg_command("convert", coco, "--to", "coco", "-o", "new")
    assert code == 1 and out == ""
    assert "annotation 8" in err and "annotation 9" in err and "annotation 7" not in err
    (written,) = (tmp_path / "new").iterdir()
    assert len(json.loads(written.read_text())["annotations"]) == 1
    content = json.loads(coco.read_text())
    coco.write_text(json.dumps({**content, "annotations": content["annotations"][:1]}))
    assert lexiseg_command("convert", coco, "--to", "coco", "-o", "whole")[0] == 0


def test_strict_stops_at_what_would_be_left_out(
    lexiseg_command, coco: Path, tmp_path: Path
) -> None:
    code, _, err = lexiseg_command("convert", coco, "--to", "coco", "-o", "new", "--strict")
    assert code == 2 and "annotation 8" in err and err.count("\n") == 1
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())


def test_pictures_are_taken_from_the_folder_that_is_said(
    lexiseg_command, coco: Path, tmp_path: Path
) -> None:
    content = json.loads(coco.read_text())
    coco.write_text(json.dumps({**content, "annotations": content["annotations"][:1]}))
    save_picture(tmp_path / "photos" / "a.png", (9, 200, 9))
    to_yolo = ("convert", coco, "--to", "yolo", "-o")
    assert lexiseg_command(*to_yolo, "with", "--images", tmp_path / "photos")[0] == 0
    (copied,) = (tmp_path / "with").rglob("a.png")
    assert copied.read_bytes() == (tmp_path / "photos" / "a.png").read_bytes()
    lexiseg_command(*to_yolo, "without")
    assert not list((tmp_path / "without").rglob("a.png"))
    code, _, err = lexiseg_command(*to_yolo, "new", "--images", "nowhere")
    assert code == 2 and "nowhere is no folder" in err


def test_paths_that_lead_elsewhere_are_followed_only_if_trusted(
    lexiseg_command, coco: Path, tmp_path: Path
) -> None:
    """A file of somebody else may name any file of this machine."""
    save_picture(tmp_path / "private" / "a.png", (200, 9, 9))
    content = json.loads(coco.read_text())
    content["images"][0]["file_name"] = str(tmp_path / "private" / "a.png")
    coco.write_text(json.dumps({**content, "annotations": content["annotations"][:1]}))
    overlay = ("convert", coco, "--to", "overlay", "-o")
    code, _, err = lexiseg_command(*overlay, "closed")
    assert code == 1 and "--trust-paths" in err
    assert not list((tmp_path / "closed").rglob("*.*"))
    assert lexiseg_command(*overlay, "open", "--trust-paths")[0] == 0
    assert len(list((tmp_path / "open").iterdir())) == 1


def test_pictures_with_many_bands_are_shown_in_the_colours_that_are_chosen(
    lexiseg_command, tmp_path: Path
) -> None:
    tifffile = pytest.importorskip("tifffile")
    bands = np.zeros((12, 16, 8), np.uint16)
    bands[2:8, 3:9, 4] = 2000
    (tmp_path / "in").mkdir()
    tifffile.imwrite(
        tmp_path / "in" / "a.tif", bands, photometric="minisblack", planarconfig="contig"
    )
    colours = ("--bands", "5,2,3", "--stretch", "0,2000")
    nothing = ("--method", "color", "-t", "green", "--format", "png")  # leaves the picture bare
    assert lexiseg_command("segment", "in", *nothing, "-o", "run", *colours)[0] == 0
    run = ("convert", "run", "--to", "overlay", "-o")
    code, _, err = lexiseg_command(*run, "plain")
    assert code == 1 and "8 bands" in err and "--bands" in err
    assert lexiseg_command(*run, "new", *colours)[0] == 0
    (path,) = (tmp_path / "new").iterdir()
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    expected = np.where(bands[..., 4] > 0, 255, 0)
    assert abs(pixels[..., 0] - expected).mean() < 20 and pixels[..., 1:].mean() < 60
    code, _, err = lexiseg_command(*run, "wrong", "--bands", "red")
    assert code == 2 and err.count("\n") == 1 and not (tmp_path / "wrong").exists()
