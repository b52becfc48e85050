"""Every form of truth and answers, against numbers made another way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexiseg.analysis.oracles.case import Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.classes import OTHER
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inputs.opening import Sources, open_cases
from lexiseg.analysis.oracles.report import OracleReport
from lexiseg.analysis.oracles.study import study_files
from lexiseg.errors import LexisegError, UsageError
from lexiseg.evaluation.files import evaluate_files
from lexiseg.io.reading import result_from_regions
from lexiseg.io.record import append_record
from lexiseg.metrics import mean_iou
from lexiseg.metrics.confusion import confusion_matrix
from lexiseg.types import Instance, Mask, Result
from tests.analysis.oracles.drawing import (
    CATEGORIES,
    THINGS,
    candidates_near,
    random_case,
    write_answers,
    write_candidates,
    write_truth,
)

CONFIG = OracleConfig(draws=20, biases=(-1.0,))


def run(sources: Sources, out: Path) -> OracleReport:
    return study_files(open_cases(sources, CONFIG), out, CONFIG, quiet=True, gallery=1)


def value_of(report: OracleReport, lever: str) -> float:
    return next(one.value for one in report.levers if one.name == lever)


# Records, and other files that lexiseg reads


def result_of(case: Case, names: list[str]) -> Result:
    """An answer as a method of lexiseg gives it."""
    items = [
        Instance(names[s.class_index], 0.5, Mask.from_array(case.found.ids == s.id), thing)
        for s in case.found.segments
        for thing in [bool(THINGS[s.class_index])]
    ]
    path = Path(f"photos/{case.name}.jpg")
    return result_from_regions(case.found.size_hw, items, source="file", path=path)


@pytest.fixture
def cases() -> list[Case]:
    return [random_case(seed, crowd=0) for seed in range(4)]


def test_records_of_a_run_give_the_numbers_of_the_same_maps(cases, tmp_path) -> None:
    truth, answers = write_truth(tmp_path, cases), write_answers(tmp_path, cases)
    names = ["Dog", "cup", "grass", "brick"]  # another case, and a synonym
    for case in cases:
        append_record(tmp_path / "run" / "results.jsonl", result_of(case, names))
    expected = run(Sources(truth, answers), tmp_path / "a")
    for source in (tmp_path / "run", tmp_path / "run" / "results.jsonl"):
        found = run(Sources(truth, source), tmp_path / f"b{source.suffix}")
        assert found.quality["all"].value == pytest.approx(expected.quality["all"].value)
        assert [line.types for line in found.classes] == [line.types for line in expected.classes]


def test_a_name_that_the_truth_lacks_is_a_wrong_name_and_counts_in_no_mean(cases, tmp_path) -> None:
    truth = write_truth(tmp_path, cases)
    for case in cases:
        append_record(tmp_path / "results.jsonl", result_of(case, ["hound"] * 4))
    report = run(Sources(truth, tmp_path / "results.jsonl"), tmp_path / "out")
    assert report.quality["all"].value == 0
    assert {found for _, found, _ in report.confused} == {OTHER}
    expected = run(Sources(truth, write_answers(tmp_path, cases)), tmp_path / "named")
    # Answers that fit nothing stay without a class that counts, so they are wrong in none.
    assert value_of(report, "names") >= value_of(expected, "names") > 0


def test_a_picture_without_an_answer_is_told(cases, tmp_path) -> None:
    truth = write_truth(tmp_path, cases)
    append_record(tmp_path / "results.jsonl", result_of(cases[1], ["dog", "cup", "grass", "wall"]))
    report = run(Sources(truth, tmp_path / "results.jsonl"), tmp_path / "out")
    assert "has no answer about picture picture 0" in report.failures["picture 0"]


def test_two_answers_about_one_picture_are_refused(cases, tmp_path) -> None:
    truth = write_truth(tmp_path, cases)
    for _ in range(2):
        append_record(tmp_path / "results.jsonl", result_of(cases[0], ["a", "b", "c", "d"]))
    with pytest.raises(UsageError, match="two answers about a picture 'picture 0'"):
        open_cases(Sources(truth, tmp_path / "results.jsonl"), CONFIG)


# Label maps

Maps = list[tuple[np.ndarray, np.ndarray]]


def write_maps(folder: Path, maps: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for number, labels in enumerate(maps):
        Image.fromarray(labels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def both(folder: Path, maps: Maps) -> Sources:
    truth = write_maps(folder / "gt", [true for true, _ in maps])
    return Sources(truth, write_maps(folder / "pred", [answer for _, answer in maps]))


@pytest.fixture
def label_maps() -> Maps:
    rng = np.random.default_rng(0)
    truths = [rng.integers(0, 5, (6, 7)).repeat(3, 0).repeat(3, 1) for _ in range(3)]
    answers = [np.where(rng.random(t.shape) < 0.3, rng.integers(0, 5, t.shape), t) for t in truths]
    for truth in truths:
        truth[:2] = 255
    return list(zip(truths, answers, strict=True))


def plain_iou(maps: Maps, *, background: bool) -> float:
    """0 is a class, or it is not judged where it is true."""
    shown = [(t if background else np.where(t == 0, 255, t), a) for t, a in maps]
    matrix = np.sum([confusion_matrix(t, a, 4) for t, a in shown], axis=0)
    return mean_iou(matrix, count_background=background)


def test_label_maps_are_judged_by_mean_iou(label_maps, tmp_path) -> None:
    report = run(both(tmp_path, label_maps), tmp_path / "out")
    assert report.measure == "mIoU"
    expected = np.mean([_iou(label_maps, number) for number in range(1, 5)])
    assert report.quality["all"].value == pytest.approx(expected)
    assert [lever.name for lever in report.levers] == ["names"]
    assert report.names[0] == "class 1"


def _iou(maps: Maps, number: int) -> float:
    shared = whole = 0
    for true, answer in maps:
        judged = (true != 0) & (true != 255)
        one, other = (true == number) & judged, (answer == number) & judged
        shared, whole = shared + (one & other).sum(), whole + (one | other).sum()
    return shared / whole


def test_background_may_be_a_class_and_names_may_be_given(label_maps, tmp_path) -> None:
    (tmp_path / "names.txt").write_text("sky\ndog\ncat\ncup\nmug,cup\n")
    plain = both(tmp_path, label_maps)
    sources = Sources(
        plain.truth, plain.answers, classes=tmp_path / "names.txt", count_background=True
    )
    report = run(sources, tmp_path / "out")
    assert report.quality["all"].value == pytest.approx(plain_iou(label_maps, background=True))
    assert tuple(report.names) == ("sky", "dog", "cat", "cup", "mug,cup")


def test_true_names_of_a_label_map_are_given_to_what_overlaps_by_half(tmp_path) -> None:
    truth, answer = np.ones((8, 8), int), np.full((8, 8), 2)
    answer[:3] = 3
    report = run(both(tmp_path, [(truth, answer)]), tmp_path / "out")
    assert report.quality["all"].value == 0
    assert report.levers[0].value == pytest.approx(5 / 8)


def test_a_number_that_is_no_class_is_told_with_its_file(label_maps, tmp_path) -> None:
    label_maps[1][1][5, 5] = 9
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n")
    plain = both(tmp_path, label_maps)
    sources = Sources(plain.truth, plain.answers, classes=tmp_path / "names.txt")
    report = run(sources, tmp_path / "out")
    assert "1.png has the number 9, which is no class" in report.failures["1"]


def test_answers_with_names_of_their_own_fit_a_truth_of_label_maps(label_maps, tmp_path) -> None:
    plain = both(tmp_path, label_maps)
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n")
    for number, (_, answer) in enumerate(label_maps):
        items = [
            Instance("abcd"[k - 1], 1.0, Mask.from_array(answer == k), False) for k in range(1, 5)
        ]
        path = Path(f"{number}.jpg")
        result = result_from_regions(answer.shape, items, source="file", path=path)
        append_record(tmp_path / "results.jsonl", result)
    names = tmp_path / "names.txt"
    mine = run(Sources(plain.truth, tmp_path / "results.jsonl", classes=names), tmp_path / "a")
    maps = run(Sources(plain.truth, plain.answers, classes=names), tmp_path / "b")
    assert mine.quality["all"].value == pytest.approx(maps.quality["all"].value)


def test_candidates_of_label_maps_are_summed_pixel_by_pixel(tmp_path) -> None:
    labels = np.array([[1, 1, 2, 2]] * 4)
    truth = write_maps(tmp_path / "gt", [labels])
    (tmp_path / "names.txt").write_text("a\nb\n")
    shown = CaseMap(labels, (CaseSegment(1, 0, 8.0), CaseSegment(2, 1, 8.0)))
    few = candidates_near(shown, 0, spare=0, blur=0.1)
    (tmp_path / "c").mkdir()
    classes = few.classes[:, :2].numpy()
    np.savez(tmp_path / "c" / "0.npz", masks=few.masks.numpy(), classes=classes)
    report = run(Sources(truth, tmp_path / "c", classes=tmp_path / "names.txt"), tmp_path / "out")
    assert value_of(report, "selection, masks and names") == 1
    assert report.measure == "mIoU"


# Single objects


def write_objects(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    rng = np.random.default_rng(seed)
    annotations, results = [], []
    for number in np.repeat([3, 5, 8], 5).tolist():
        top, left = rng.integers(0, 30, 2)
        mask = np.zeros((40, 50), bool)
        mask[top : top + rng.integers(4, 20), left : left + rng.integers(4, 20)] = True
        category = int(rng.integers(10, 13))
        near = np.roll(mask, int(rng.integers(-3, 4)), axis=int(rng.integers(2)))
        named = category if rng.random() < 0.6 else int(rng.integers(10, 13))
        annotation = {"image_id": number, "category_id": category}
        annotation |= {"segmentation": Mask.from_array(mask).to_coco(), "area": int(mask.sum())}
        annotations.append({"id": len(annotations) + 1, "iscrowd": 0, **annotation})
        result = {"image_id": number, "category_id": named, "score": float(rng.random())}
        results.append({**result, "segmentation": Mask.from_array(near).to_coco()})
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 40, "width": 50} for n in (3, 5, 8)]
    categories = [{"id": c["id"], "name": c["name"]} for c in CATEGORIES]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "instances.json", folder / "results.json"


def test_single_objects_are_judged_by_average_precision(tmp_path) -> None:
    truth, answers = write_objects(tmp_path)
    report = run(Sources(truth, answers), tmp_path / "out")
    scores = evaluate_files(answers, truth).summary.scores
    assert report.measure == "AP"
    assert report.quality["all"].value == pytest.approx(scores["ap"])
    assert value_of(report, "boundaries") == pytest.approx(scores["ap50"])
    assert value_of(report, "names") > report.quality["all"].value
    for name in ("no wrong answers", "nothing missed", "scores", "selection"):
        assert value_of(report, name) >= report.quality["all"].value - 1e-12
    assert sum(line.true for line in report.classes) <= 15  # what is hidden whole is not painted


def test_perfect_objects_leave_nothing_to_gain(tmp_path) -> None:
    truth, answers = write_objects(tmp_path)
    keys = ("image_id", "category_id", "segmentation")
    rows = json.loads(truth.read_text())["annotations"]
    answers.write_text(json.dumps([{k: row[k] for k in keys} | {"score": 1.0} for row in rows]))
    report = run(Sources(truth, answers), tmp_path / "out")
    assert report.quality["all"].value == pytest.approx(1)
    assert "no single help" in report.sentence


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"category_id": 99}, "the category 99, which the truth does not have"),
        ({"score": "high"}, "results.json is not sound about picture 3"),
        ({"segmentation": {"size": [1, 1], "counts": [1]}}, "results.json"),
    ],
)
def test_an_odd_result_costs_its_picture(tmp_path, change, expected) -> None:
    truth, answers = write_objects(tmp_path)
    content = json.loads(answers.read_text())
    content[0].update(change)
    answers.write_text(json.dumps(content))
    failures = run(Sources(truth, answers), tmp_path / "out").failures
    assert list(failures) == ["3"] and expected in failures["3"]


# What does not fit


def test_bundles_that_do_not_fit_cost_their_picture(cases, tmp_path) -> None:
    truth, bundles = write_truth(tmp_path, cases), write_candidates(tmp_path, cases)
    np.savez(bundles / "picture 1.npz", masks=np.zeros((2, 4, 4)), classes=np.zeros((2, 9)))
    (bundles / "picture 2.npz").write_bytes(b"nothing")
    (bundles / "picture 3.npz").unlink()
    failures = run(Sources(truth, bundles), tmp_path / "out").failures
    assert "classes is (2, 9), but the truth has 4" in failures["picture 1"]
    assert "picture 2.npz is no bundle" in failures["picture 2"]
    assert "picture 3.npz does not exist" in failures["picture 3"]


@pytest.mark.parametrize("name", ["empty", "file.txt", "odd.json"])
def test_what_is_no_truth_is_refused(tmp_path, name) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("hello")
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(LexisegError, match="no truth|JSON"):
        open_cases(Sources(tmp_path / name, tmp_path / name), CONFIG)


def test_neither_answers_nor_candidates_are_refused(cases, tmp_path) -> None:
    with pytest.raises(UsageError, match="neither an answer nor candidates nor an encoder"):
        open_cases(Sources(write_truth(tmp_path, cases)), CONFIG)


@pytest.mark.parametrize("size", ["512", "512x512"])
def test_masks_too_small_for_an_encoders_grid_are_counted(tmp_path, size) -> None:
    """A cell of the ConvNeXt is 32 of 512 pixels wide; 2 of 64 become 16."""
    ids = np.ones((64, 64), np.int64)
    ids[10:12, 10:12] = 2
    segments = (CaseSegment(1, 0, 4092.0), CaseSegment(2, 1, 4.0))
    shown = CaseMap(ids, segments)
    truth = write_truth(tmp_path, [Case("scene", shown, shown)])
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64), (90, 160, 60)).save(tmp_path / "images" / "scene.jpg")
    sources = Sources(truth, encoder="mini-convnext-clip", encoder_size=size)
    report = run(sources, tmp_path / "out")
    assert report.fell_back == 1 and report.to_json()["fell_back"] == 1
    assert "True masks without a cell of the encoder's grid: 1;" in report.to_markdown()
