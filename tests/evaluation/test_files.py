"""Finished files against finished files: the numbers of the COCO tools, and IoU by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.evaluation.files import evaluate_files
from lexiseg.io.coco_reader import read_coco
from lexiseg.registry import WRITERS
from lexiseg.types import Instance, Mask, Result

SIZE_HW = (40, 60)


def square(left: int, top: int, side: int) -> dict[str, Any]:
    mask = np.zeros(SIZE_HW, bool)
    mask[top : top + side, left : left + side] = True
    return Mask.from_array(mask).to_coco()


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    entries = [
        {
            "id": number,
            "image_id": 7 + number % 3,
            "category_id": (3, 18)[number % 2],
            "segmentation": square(*rng.integers(0, 25, 2).tolist(), int(rng.integers(4, 15))),
            "iscrowd": int(number == 5),
        }
        for number in range(1, 13)
    ]
    for entry in entries:
        mask = Mask.from_coco(entry["segmentation"])
        entry |= {"area": mask.area, "bbox": list(mask.bbox)}
    content = {
        "images": [
            {"id": n, "file_name": f"x/{n}.jpg", "height": 40, "width": 60} for n in (7, 8, 9, 10)
        ],
        "annotations": entries,
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def found(truth: Path, tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    entries = []
    for entry in json.loads(truth.read_text())["annotations"]:
        x, y, side, _ = entry["bbox"]
        shifted = square(x + int(rng.integers(0, 3)), y, side)
        score = round(float(rng.random()), 3)
        keys = ("image_id", "category_id")
        entries.append({**{k: entry[k] for k in keys}, "score": score, "segmentation": shifted})
    path = tmp_path / "found.json"
    path.write_text(json.dumps(entries))
    return path


def official(truth: Path, found: Path) -> np.ndarray:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO(str(truth))
    evaluation = COCOeval(coco, coco.loadRes(str(found)), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def test_a_list_of_results_scores_as_with_the_coco_tools(
    truth: Path, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = evaluate_files(found, truth, out=tmp_path / "out")
    expected = official(truth, found)
    assert 0.1 < expected[0] < 0.95
    scores = outcome.summary.scores
    assert scores["ap"] == pytest.approx(expected[0], abs=1e-9)
    assert scores["ap50"] == pytest.approx(expected[1], abs=1e-9)
    assert outcome.protocol.images == 4 and not outcome.failures
    assert (tmp_path / "out" / "result.json").is_file()


@pytest.mark.parametrize("form", ["coco", "json", "csv", "masks", "labelme"])
def test_every_format_of_answers_scores_alike(
    truth: Path, found: Path, tmp_path: Path, form: str
) -> None:
    """Formats keep scores and masks; the picture is recognised by its name."""
    from lexiseg.io.coco_reader import read_coco_results

    answers = list(read_coco_results(found, truth))
    writer = WRITERS[form]
    if writer.scope == "collection":
        writer(answers, tmp_path / "out", name="a")
    else:
        for answer in answers:
            writer([answer], tmp_path / "out", name=answer.path.stem)
    files = {"json": "a.jsonl", "csv": "a.csv", "coco": "a.coco.json"}
    place = tmp_path / "out" / files.get(form, form)
    expected = evaluate_files(found, truth).summary.scores
    assert evaluate_files(place, truth).summary.scores["ap"] == pytest.approx(
        expected["ap"], abs=1e-6
    )


def test_label_maps_are_judged_pixel_by_pixel(truth: Path, tmp_path: Path) -> None:
    def maps(folder: str, right: int, label: str = "dog") -> Path:
        base = next(iter(read_coco(truth)))
        for name in ("a", "b"):
            mask = np.zeros(SIZE_HW, bool)
            mask[:10, :right] = True
            item = Instance(label, 0.5, Mask.from_array(mask))
            result = remade(base, (item,), Path(f"{name}.jpg"))
            WRITERS["png"]([result], tmp_path / folder, name=name)
        return tmp_path / folder

    outcome = evaluate_files(maps("found", 15), maps("true", 20))
    dog, background = 150 / 200, (2400 - 200) / (2400 - 150)
    assert outcome.protocol.task == "semantic"
    assert outcome.summary.scores["miou"] == pytest.approx((dog + background) / 2)
    other = evaluate_files(maps("other", 20, "cat"), tmp_path / "true")
    assert other.summary.scores["miou"] == pytest.approx((0 + 2200 / 2400) / 2)


def test_void_pixels_of_the_truth_are_not_judged(tmp_path: Path) -> None:
    """Against pixels counted one by one; predictions may say anything where the truth is void."""
    rng = np.random.default_rng(3)
    pairs = []
    for folder in ("true", "found"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b", "c"):
        true = rng.choice([0, 1, 2, 255], (9, 11)).astype(np.uint8)
        found = np.where(rng.random((9, 11)) < 0.6, true % 255, rng.integers(0, 3, (9, 11)))
        Image.fromarray(true).save(tmp_path / "true" / f"{name}.png")
        Image.fromarray(found.astype(np.uint8)).save(tmp_path / "found" / f"{name}.png")
        pairs += [(t, f) for t, f in zip(true.flat, found.flat, strict=True) if t != 255]
    ious = []
    for number in range(3):
        both = sum(t == number and f == number for t, f in pairs)
        ious.append(both / sum(number in (t, f) for t, f in pairs))
    outcome = evaluate_files(tmp_path / "found", tmp_path / "true")
    assert outcome.summary.scores["miou"] == pytest.approx(sum(ious) / 3, abs=1e-12)
    assert sum(row.pixels for row in outcome.summary.classes) == len(pairs)


def remade(base: Result, items: tuple[Instance, ...], path: Path) -> Result:
    from lexiseg.io.reading import result_from_regions

    return result_from_regions(base.size_hw, items, source="test", path=path)


def test_a_picture_without_an_answer_has_an_empty_one(truth: Path, tmp_path: Path) -> None:
    path = tmp_path / "nothing.json"
    path.write_text(json.dumps([]))
    with pytest.raises(UsageError, match="holds no results"):
        evaluate_files(path, truth)
    entry = {"image_id": 7, "category_id": 3, "score": 0.5, "segmentation": square(0, 0, 1)}
    path.write_text(json.dumps([entry]))
    assert evaluate_files(path, truth).summary.scores["ap"] == 0


def test_pictures_of_one_name_are_not_guessed(truth: Path, tmp_path: Path) -> None:
    content = json.loads(truth.read_text())
    content["images"][1]["file_name"], content["images"][2]["file_name"] = "y/7.jpg", "z/7.jpg"
    content["images"][0]["file_name"] = "w/7.jpg"
    path = tmp_path / "same.json"
    path.write_text(json.dumps(content))
    assert evaluate_files(path, path).summary.scores["ap"] == pytest.approx(1.0)
    content["images"][0]["file_name"] = content["images"][1]["file_name"] = "y/7.jpg"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="Several predictions fit the picture"):
        evaluate_files(path, path)
