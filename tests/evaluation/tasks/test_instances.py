"""AP and AR to the last digit of the COCO tools, and what a run over objects writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets import ClassList, InstanceSample, TrueObject
from lexiseg.datasets.coco_instances import open_coco
from lexiseg.datasets.miniworld import Miniworld, write_miniworld
from lexiseg.evaluation import evaluate
from lexiseg.evaluation.tasks.instance_rules import COCO_RULES
from lexiseg.evaluation.tasks.instances import (
    answers_of,
    gather,
    score_result,
    statistics_of,
    summarize,
    write_results,
)
from lexiseg.io.output_folder import output_folder
from lexiseg.types import (
    Instance,
    Instances,
    Mask,
    Presence,
    PresenceTrace,
    Recipe,
    Result,
    Vocabulary,
)
from tests.evaluation.tasks.coco_oracle import STATS, noisy_result, tool_stats

NAMES = ("dog", "cat", "tree", "bird")


@dataclass(frozen=True)
class Painted(Sequence[InstanceSample]):
    """Samples as a data set of four classes."""

    samples: tuple[InstanceSample, ...]
    name: str = "painted"
    split: str = "val"
    task: str = "instances"
    asks_per_image: bool = False
    federated: bool = False
    frequencies: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = (1, 2, 3, 7)

    @property
    def classes(self) -> ClassList:
        return ClassList("painted-4", NAMES, NAMES)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(sample.id for sample in self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> InstanceSample:
        return self.samples[index]


class Painter:
    """Calls everything red a dog."""

    encoded = 0
    name, task, verbs, takes_stuff = "painter", "instances", ("segment",), False

    def recipe(self) -> Recipe:
        return Recipe("painter", "test")

    def encode(self, image: np.ndarray) -> np.ndarray:
        self.encoded += 1
        return image

    def segment(self, scene: np.ndarray, names: Any) -> Result:
        names = Vocabulary.parse(names).names
        mask = Mask.from_array(scene[..., 0] == 10)
        items = (Instance("dog", 0.9, mask),) if mask.area else ()
        size = scene.shape[:2]
        presence = PresenceTrace([Presence(name, 0.9, True, "") for name in names])
        return Result(size, names, Instances(items, size), presence, Recipe("painter", "test"))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    world = Miniworld(split="test", size=96, seed=3, things=(0, 6), neighbors=0.5)
    write_miniworld(folder, 16, world)
    path = folder / "annotations" / "instances_test.json"
    tables = json.loads(path.read_text(encoding="utf-8"))
    for row in tables["annotations"][::7]:
        row["iscrowd"] = 1
    for row in tables["categories"]:
        row["id"] += row["id"] // 10  # gaps, as in COCO
    for row in tables["annotations"]:
        row["category_id"] += row["category_id"] // 10
    tables["annotations"][1]["area"] = 40.0**2  # annotated areas decide, not the masks
    path.write_text(json.dumps(tables), encoding="utf-8")
    return folder


def judged(dataset: Any, seed: int, some: range | None = None) -> list[dict[str, Any]]:
    names = dataset.classes.names
    sizes = {row["id"]: (row["height"], row["width"]) for row in dataset.tables["images"]}
    samples = [dataset[index] for index in some or range(len(dataset))]
    return [
        score_result(noisy_result(sample, names, sizes[sample.number], seed), sample, dataset)
        for sample in samples
    ]


def assert_judged_alike(
    dataset: Any, records: list[dict[str, Any]], folder: Path, tools: Any
) -> None:
    ours = summarize(records, dataset).scores
    path = write_results(records, dataset, output_folder(folder))
    expected = tool_stats(*tools, dataset.tables, json.loads(path.read_text(encoding="utf-8")))
    values = np.nan_to_num([ours[name] for name in STATS], nan=-1.0)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def pycocotools() -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return COCOeval, COCO


@pytest.mark.parametrize("seed", range(2))
def test_miniworld_with_crowds_is_judged_as_by_pycocotools(
    toy: Path, tmp_path: Path, seed: int
) -> None:
    dataset = open_coco(toy, split="test")
    assert_judged_alike(dataset, judged(dataset, seed), tmp_path, pycocotools())


def test_photos_are_judged_as_by_pycocotools(shared: Path, tmp_path: Path) -> None:
    dataset = open_coco(shared / "data" / "real" / "coco")
    images = dataset.tables["images"][:20]
    numbers = {row["id"] for row in images}
    annotations = [row for row in dataset.tables["annotations"] if row["image_id"] in numbers]
    few = replace(dataset, tables={**dataset.tables, "images": images, "annotations": annotations})
    assert any(row["iscrowd"] for row in annotations)
    assert max(few.category_ids) == 90
    assert_judged_alike(few, judged(few, 1), tmp_path, pycocotools())


def test_faster_tool_says_the_same(toy: Path, tmp_path: Path) -> None:
    import faster_coco_eval as faster

    dataset = open_coco(toy, split="test")
    assert_judged_alike(
        dataset, judged(dataset, 5), tmp_path, (faster.COCOeval_faster, faster.COCO)
    )


def test_more_than_a_hundred_answers_of_a_class(toy: Path, tmp_path: Path) -> None:
    dataset = open_coco(toy, split="test")
    records = judged(dataset, 0)
    busy = max(records, key=lambda record: len(record["found"]))
    busy["found"] = [[n, s / k, c] for n, s, c in busy["found"] for k in range(1, 130)]
    assert_judged_alike(dataset, records, tmp_path, pycocotools())


def test_no_answers_score_zero_and_no_objects_score_nothing(toy: Path, tmp_path: Path) -> None:
    dataset = open_coco(toy, split="test")
    records = judged(dataset, 0)
    silent = [{**record, "found": []} for record in records]
    assert summarize(silent, dataset).scores["ap"] == 0
    assert_judged_alike(dataset, silent, tmp_path, pycocotools())
    empty = replace(dataset, tables={**dataset.tables, "annotations": []})
    scores = summarize(records, empty).scores
    assert np.isnan([scores[name] for name in STATS]).all()
    assert_judged_alike(empty, records, tmp_path, pycocotools())


def test_drawn_images_anew_give_the_number_of_that_set(toy: Path) -> None:
    """Weights of the bootstrap mean copies of an image."""
    dataset = open_coco(toy, split="test")
    records = judged(dataset, 2)
    order = np.random.default_rng(1)
    for record in records:  # no ties, whose order would change with copies
        record["found"] = [
            [number, order.random(), counts] for number, _, counts in record["found"]
        ]
    copies = np.random.default_rng(0).integers(0, 3, len(records))
    many = [index for index, count in enumerate(copies) for _ in range(count)]
    samples = [dataset[index] for index in range(len(dataset))]
    answers = [answers_of(record) for record in records]
    once = statistics_of(gather(answers, samples, COCO_RULES), COCO_RULES)
    drawn = gather([answers[k] for k in many], [samples[k] for k in many], COCO_RULES)
    for name, statistic in statistics_of(drawn, COCO_RULES).items():
        expected = statistic(np.ones((1, len(many))))
        value = once[name](copies[None])
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12, err_msg=name)


def test_class_overlap_and_presence_by_hand() -> None:
    mask = Mask.from_array(np.ones((4, 4), dtype=bool))
    objects = tuple(TrueObject(k, mask, 16.0, crowd) for k, crowd in [(0, False), (1, True)])
    dataset = Painted((InstanceSample("0", 0, np.zeros((4, 4, 3), np.uint8), objects),))
    labels = ("dog", "cat", "tree")  # the crowd of cats is neither required nor wrong
    items = Instances(tuple(Instance(label, 0.5, mask) for label in labels), (4, 4))
    result = Result((4, 4), NAMES, items, PresenceTrace([]), Recipe("hand", "test"))
    record = score_result(result, dataset[0], dataset)
    assert record["class_overlap"] == [1, 2]
    assert record["presence"] == [1, 1, 0, 1]
    scores = summarize([record], dataset).scores
    assert scores["class_iou"] == 0.5
    assert scores["presence_precision"] == 0.5


def test_run_writes_answers_and_resumes(tmp_path: Path) -> None:
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:6] = True
    image = np.zeros((6, 8, 3), np.uint8)
    image[mask] = (10, 0, 0)
    thing = TrueObject(0, Mask.from_array(mask), 12.0)
    samples = [InstanceSample(str(k), 100 + k, image, (thing,)) for k in range(3)]
    dataset = Painted(tuple(samples))
    outcome = evaluate(Painter(), dataset, out=tmp_path)
    assert outcome.summary.scores["ap"] == pytest.approx(1)
    assert outcome.summary.intervals["ap"] == pytest.approx((1, 1))
    rows = (tmp_path / "per_class.csv").read_text(encoding="utf-8").splitlines()
    assert rows[:2] == [
        "class,prompt,ap,ap50,recall,images,objects,answers",
        "dog,dog,1.000000,1.000000,1.000000,3,3,3",
    ]
    assert "| dog | dog | 100.0 | 100.0 | 100.0 | 3 | 3 | 3 |" in (
        tmp_path / "report.md"
    ).read_text(encoding="utf-8")
    entries = json.loads((tmp_path / "coco-results.json").read_text(encoding="utf-8"))
    assert [entry["image_id"] for entry in entries] == [100, 101, 102]
    assert {entry["category_id"] for entry in entries} == {1}
    assert Mask.from_coco(entries[0]["segmentation"]) == thing.mask
    again = Painter()
    assert repr(evaluate(again, dataset, out=tmp_path).summary) == repr(outcome.summary)
    assert again.encoded == 0


def test_image_of_another_size_is_reported(tmp_path: Path) -> None:
    thing = TrueObject(0, Mask.from_array(np.ones((5, 5), dtype=bool)), 25.0)
    image = np.zeros((6, 8, 3), np.uint8)
    good = InstanceSample("good", 1, image, ())
    outcome = evaluate(Painter(), Painted((InstanceSample("bad", 0, image, (thing,)), good)))
    assert "annotated as (5, 5)" in outcome.failures["bad"]
    assert outcome.protocol.images == 1
