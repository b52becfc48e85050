"""From files to the report, and back to the numbers by another way."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lexiseg.analysis.oracles.case import Case
from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.error_types import TrueType
from lexiseg.analysis.oracles.inputs.opening import Sources, open_cases
from lexiseg.analysis.oracles.report import OracleReport
from lexiseg.analysis.oracles.study import study_files
from lexiseg.errors import OutputError, UsageError
from lexiseg.metrics import PanopticQuality, panoptic_quality
from tests.analysis.oracles.drawing import (
    CATEGORIES,
    CLASSES,
    random_case,
    write_answers,
    write_candidates,
    write_png,
    write_truth,
)

CONFIG = OracleConfig(draws=50, biases=(-2.0, 1.0))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [random_case(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cases) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_truth(folder, cases), write_answers(folder, cases), write_candidates(folder, cases)
    return folder


def run(folder: Path, out: Path, *, candidates: bool = True, **more) -> OracleReport:
    sources = Sources(
        folder / "truth.json",
        folder / "answers.json",
        folder / "candidates" if candidates else None,
    )
    cases = open_cases(sources, CONFIG)
    return study_files(cases, out, CONFIG, quiet=True, gallery=1, **more)


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory) -> OracleReport:
    return run(folder, tmp_path_factory.mktemp("out"))


def test_quality_is_that_of_the_metric(report, cases) -> None:
    running = PanopticQuality(CLASSES)
    for case in cases:
        running.update(case.truth.ids, case.truth.segments, case.found.ids, case.found.segments)
    assert report.quality["all"].value == pytest.approx(float(running.compute().pq))
    assert report.quality["things"].value == pytest.approx(float(running.compute([0, 1]).pq))
    low, high = report.quality["all"].low, report.quality["all"].high
    assert low < report.quality["all"].value < high


def test_levers_that_are_sums_equal_sums_written_out(report, cases) -> None:
    running = PanopticQuality(CLASSES)
    for case in cases:
        running.update(case.truth.ids, case.truth.segments, case.found.ids, case.found.segments)
    base = float(running.compute().pq)
    levers = {lever.name: lever for lever in report.levers}
    rules = (("boundaries", 0, 1), ("no wrong answers", 2, None), ("nothing missed", 3, None))
    for name, column, other in rules:
        counts = running.counts.copy()
        counts[:, column] = 0 if other is None else counts[:, other]
        value = float(panoptic_quality(counts).pq)
        assert levers[name].value == pytest.approx(value)
        assert levers[name].gain.value == pytest.approx(value - base)


def test_steps_end_where_nothing_is_left_to_lose(report) -> None:
    for steps in report.staircases.values():
        assert steps[-1].value == pytest.approx(
            sum(step.gain for step in steps[1:]) + steps[0].value
        )
    assert report.staircases["on the final map"][-1].value == pytest.approx(1)


def test_every_true_segment_has_one_type_in_one_class_and_one_size(report, cases) -> None:
    number = sum(not s.crowd for case in cases for s in case.truth.segments)
    assert sum(line.true for line in report.classes) == number
    assert all(sum(line.types.values()) == line.true == sum(line.split) for line in report.classes)
    by_size = {line.name: line.true for line in report.sizes}
    assert by_size["all"] == number == by_size["small"] + by_size["medium"] + by_size["large"]
    answered = sum(len(case.found.segments) for case in cases)
    assert sum(line.answered for line in report.classes) == answered


def test_the_curve_of_void_and_recall_are_there_with_candidates_only(
    report, folder, tmp_path
) -> None:
    assert report.void is not None
    assert list(report.void.curve) == [-np.inf, -2.0, 0.0, 1.0]
    recall = report.sizes[0].recall
    assert list(recall.values()) == sorted(recall.values())
    plain = run(folder, tmp_path, candidates=False)
    assert plain.void is None and not plain.sizes[0].recall
    lost = {TrueType.NO_OBJECT, TrueType.BELOW_THRESHOLD, TrueType.SUPPRESSED}
    assert not any(line.types[kind] for line in plain.classes for kind in lost)
    assert plain.quality["all"] == report.quality["all"]


def test_an_interrupted_study_goes_on_and_gives_the_same_report(report, folder, tmp_path) -> None:
    run(folder, tmp_path, limit=3)
    lines = (tmp_path / "records.jsonl").read_bytes()
    (tmp_path / "records.jsonl").write_bytes(lines[:-30])  # the last record was cut off
    again = run(folder, tmp_path)
    mine, whole = again.to_json(), report.to_json()
    assert mine == whole


def test_another_setting_does_not_take_up_the_records(folder, tmp_path) -> None:
    run(folder, tmp_path, limit=1)
    other = OracleConfig(overlap=0.5, draws=50, biases=(-2.0, 1.0))
    sources = Sources(folder / "truth.json", folder / "answers.json")
    with pytest.raises(OutputError, match="overlap"):
        study_files(open_cases(sources, other), tmp_path, other, quiet=True, limit=1)


def test_the_files_say_the_same_as_the_report(report, tmp_path) -> None:
    page, data, table, text = report.save(tmp_path)
    content = json.loads(data.read_text("utf-8"))
    assert content["sentence"] == report.sentence
    assert content["schema"] == "lexiseg-oracles/1"
    assert content["quality"]["all"]["value"] == report.quality["all"].value
    assert len(table.read_text("utf-8").splitlines()) == 1 + len(report.classes)
    assert text.read_text("utf-8").startswith(f"# {report.sentence}\n")
    assert report.sentence in page.read_text("utf-8")
    assert "wall,brick" in table.read_text("utf-8")


def test_answers_may_follow_from_candidates_alone(folder, tmp_path) -> None:
    sources = Sources(folder / "truth.json", folder / "candidates")
    report = study_files(open_cases(sources, CONFIG), tmp_path, CONFIG, quiet=True)
    assert report.void is not None
    assert report.void.curve[0.0] == pytest.approx(report.quality["all"].value)


def test_a_run_is_compared_with_itself_and_with_the_truth(folder, cases, tmp_path) -> None:
    perfect = [Case(c.name, c.truth, c.truth) for c in cases]
    better = write_answers(tmp_path, perfect)
    one = open_cases(Sources(folder / "truth.json", folder / "answers.json"), CONFIG)
    other = open_cases(Sources(folder / "truth.json", better), CONFIG)
    same = study_files(one, tmp_path / "a", CONFIG, against=one, quiet=True).comparison
    assert same is not None and same.difference.value == 0 and not same.found
    lost = study_files(one, tmp_path / "b", CONFIG, against=other, quiet=True).comparison
    assert lost is not None and lost.difference.value < 0 and lost.difference.high < 0
    assert lost.only_this == 0 < lost.only_other


# Bad input: one sentence with the name of the file.


def damaged(folder: Path, target: Path, name: str, change) -> Path:
    shutil.copytree(folder, target)
    content = json.loads((target / name).read_text("utf-8"))
    change(content)
    (target / name).write_text(json.dumps(content), encoding="utf-8")
    return target


def rows(content) -> list[dict]:
    """Segments of the first picture."""
    return content["annotations"][0]["segments_info"]


GHOST = {"id": 77, "category_id": 10}
ODD_PICTURES = [
    ("answers", lambda c: rows(c).pop(), r"picture 0\.png shows segment \d+, which .* not list"),
    ("answers", lambda c: rows(c).append(GHOST), r"lists segment 77, of which .*shows no pixel"),
    ("answers", lambda c: rows(c)[0].update(category_id=99), r"of picture 1 the category 99"),
    ("answers", lambda c: c["annotations"].pop(0), r"answers\.json has no record of picture 1"),
    ("truth", lambda c: rows(c)[0].update(category_id=99), r"truth\.json.*unknown category 99"),
    ("truth", lambda c: rows(c)[0].pop("area"), r"truth\.json is not sound about picture 1"),
]


@pytest.mark.parametrize(("name", "change", "expected"), ODD_PICTURES)
def test_what_is_wrong_with_a_picture_costs_the_picture(
    folder, tmp_path, name, change, expected
) -> None:
    odd = damaged(folder, tmp_path / "odd", f"{name}.json", change)
    report = run(odd, tmp_path / "out", candidates=False)
    assert list(report.failures) == ["picture 0"] and report.pictures == 5
    reason = report.failures["picture 0"]
    assert re.search(expected, reason) and "\n" not in reason


def test_another_size_is_told(folder, tmp_path) -> None:
    odd = shutil.copytree(folder, tmp_path / "odd")
    ids = np.full((5, 7), 1)
    write_png(odd / "answers" / "picture 0.png", ids)
    content = json.loads((odd / "answers.json").read_text("utf-8"))
    content["annotations"][0]["segments_info"] = [{"id": 1, "category_id": 10}]
    (odd / "answers.json").write_text(json.dumps(content), encoding="utf-8")
    reason = run(odd, tmp_path / "out", candidates=False).failures["picture 0"]
    assert "7x5 pixels, but its truth 16x12" in reason and "answers.json" in reason


def test_a_run_without_any_answer_is_refused(folder, tmp_path) -> None:
    odd = shutil.copytree(folder, tmp_path / "odd")
    (odd / "results.jsonl").write_text("", encoding="utf-8")
    sources = Sources(odd / "truth.json", odd / "results.jsonl")
    with pytest.raises(UsageError, match=r"results\.jsonl is an empty prediction"):
        open_cases(sources, CONFIG)


CAT = [{"id": 10, "name": "cat"}]
ODD_FILES = [
    ("answers", lambda c: c.update(categories=CAT), "10 'cat', but the truth calls it 'dog'"),
    ("truth", lambda c: c.pop("categories"), "expected a list of categories"),
    ("truth", lambda c: c.update(categories=CATEGORIES * 2), "two categories have the number"),
    ("answers", lambda c: c["annotations"][0].update(file_name="gone.png"), "not found, the first"),
    ("answers", lambda c: c.pop("annotations"), "holds no results that lexiseg can read"),
    ("answers", lambda c: c["annotations"].clear(), r"answers\.json is an empty prediction"),
]


@pytest.mark.parametrize(("name", "change", "expected"), ODD_FILES)
def test_files_that_do_not_fit_are_refused_at_once(
    folder, tmp_path, name, change, expected
) -> None:
    odd = damaged(folder, tmp_path / "odd", f"{name}.json", change)
    with pytest.raises(UsageError, match=expected):
        run(odd, tmp_path / "out", candidates=False)


def test_an_absent_file_is_told(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json does not exist"):
        open_cases(Sources(tmp_path / "nowhere.json"), CONFIG)
