"""Panoptic runs: numbers of a small world by hand, resumed runs, and answers of every shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import ClassList, PanopticSample, TrueSegment
from lexiseg.errors import DatasetError
from lexiseg.evaluation import evaluate
from lexiseg.evaluation.tasks.panoptic import answered_segments, score_scene, summarize
from lexiseg.metrics import PanopticQuality
from lexiseg.types import Panoptic, Segment

NAMES = ("dog", "cat", "tree")
COLORS = np.array([0, 10, 20, 30])


@dataclass(frozen=True)
class PaintedSegments(Sequence[PanopticSample]):
    """Label maps of which every class is one segment; "tree" is stuff."""

    count: int = 5
    classes: ClassList = ClassList(  # noqa: RUF009
        "painted-3", NAMES, NAMES, frozenset({"tree"}), seen=frozenset({"dog", "tree"})
    )
    name: str = "painted"
    split: str = "val"
    task: str = "panoptic"
    asks_per_image: bool = False
    category_ids: tuple[int, ...] = (1, 2, 7)
    most_asked: int | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"image-{k}" for k in range(self.count))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> PanopticSample:
        truth = np.random.default_rng(index).integers(0, 4, size=(3, 4)).repeat(4, 0).repeat(4, 1)
        image = np.stack([COLORS[truth], truth * 0, truth * 0], axis=-1).astype(np.uint8)
        image[0, 0, 1] = index
        segments = tuple(
            TrueSegment(100 + k, k - 1, float((truth == k).sum())) for k in (1, 2, 3)
            if (truth == k).any()
        )  # fmt: skip
        numbers = np.where(truth > 0, truth + 100, 0).astype(np.uint32)
        return PanopticSample(self.ids[index], index, image, numbers, segments)


def test_a_perfect_method_scores_one(color_method: Any, tmp_path: Path) -> None:
    outcome = evaluate(color_method(), PaintedSegments(), out=tmp_path)
    scores = outcome.summary.scores
    kinds = ("", "_things", "_stuff", "_seen", "_unseen")
    assert {scores[f"pq{kind}"] for kind in kinds} == {1.0}
    assert scores["presence_precision"] == scores["presence_recall"] == 1.0
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["protocol"]["task"] == "panoptic"
    assert stored["protocol"]["asking"] == "global"
    assert "prompts=global" in (tmp_path / "report.md").read_text()
    header = (tmp_path / "per_class.csv").read_text().splitlines()[0]
    assert header == "class,prompt,pq,sq,rq,matched,wrong,missed"


class Itself:
    """Mixed into a method that no setting changes."""

    def configured(self, **options: Any) -> Any:
        return self


class Careless(Itself):
    """Mixed into a method: every ninth pixel is taken for a dog."""

    def encode(self, image: np.ndarray) -> np.ndarray:
        scene = super().encode(image)  # type: ignore[misc]
        scene.reshape(-1)[:: 9 + int(image[0, 0, 1])] = 1
        return scene


def test_numbers_are_those_of_the_running_sum(color_method: Any) -> None:
    class Noisy(Careless, color_method):
        pass

    method, dataset = Noisy(blind=("cat",)), PaintedSegments()
    outcome = evaluate(method, dataset)
    running = PanopticQuality(3)
    for sample in dataset:
        result = method.segment(method.encode(sample.image), dataset.classes.vocabulary())
        ids, answered = answered_segments(result.panoptic, dataset.classes)
        running.update(sample.ids, sample.segments, ids, answered)
    scores = outcome.summary.scores
    assert scores["pq"] == float(running.compute().pq)
    assert scores["pq_things"] == float(running.compute([0, 1]).pq)
    assert scores["rq_unseen"] == float(running.compute([1]).rq) == 0
    assert 0 < scores["pq"] < 1
    low, high = outcome.summary.intervals["pq"]
    assert low <= scores["pq"] <= high
    rows = {row.name: row for row in outcome.summary.classes}
    assert (rows["cat"].matched, rows["cat"].missed) == (0, 5)


def test_interrupted_run_goes_on_to_the_same_numbers(color_method: Any, tmp_path: Path) -> None:
    whole = evaluate(color_method(blind=("dog",)), PaintedSegments()).summary
    evaluate(color_method(blind=("dog",)), PaintedSegments(), out=tmp_path, limit=2)
    again = evaluate(color_method(blind=("dog",)), PaintedSegments(), out=tmp_path).summary
    assert again.scores == whole.scores
    assert again.intervals == whole.intervals


def test_image_of_another_size_is_one_sentence(color_method: Any) -> None:
    class Cropped(Itself, color_method):
        def encode(self, image: np.ndarray) -> np.ndarray:
            return super().encode(image)[1:]

    with pytest.raises(DatasetError, match="its map is"):
        evaluate(Cropped(), PaintedSegments(1))


def test_stuff_of_a_class_is_one_segment_and_things_stay_apart() -> None:
    segments = tuple(
        Segment(k, label, 0.5, label != "tree", 1)
        for k, label in enumerate(("dog", "tree", "dog", "tree"), start=1)
    )
    ids = np.array([[0, 1, 2, 3, 4]], dtype=np.uint16)
    joined, found = answered_segments(Panoptic(ids, segments), PaintedSegments().classes)
    assert joined.tolist() == [[0, 1, 2, 3, 2]]
    assert [(item.id, item.class_index) for item in found] == [(1, 0), (2, 2), (3, 0)]


def test_void_and_crowd_count_neither_way(color_method: Any) -> None:
    dataset = PaintedSegments(1)
    [sample] = dataset
    crowd = replace(
        sample, segments=tuple(replace(s, crowd=s.class_index == 0) for s in sample.segments)
    )
    record = {"id": sample.id, "matched": [], "wrong": [], "missed": [], "presence": [0, 0, 0, 3]}
    assert np.isnan(summarize([record], dataset).scores["pq"])
    method = color_method()
    judged = score_scene(method, method.encode(sample.image), crowd, dataset.classes)
    assert 0 not in {*judged["wrong"], *judged["missed"], *(k for k, _ in judged["matched"])}
    assert sum(judged["presence"]) == 2  # the crowd's class is not judged
