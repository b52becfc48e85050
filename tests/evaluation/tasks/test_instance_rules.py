"""LVIS's rules against a slow twin that reads like their description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexiseg.datasets.lvis import open_lvis
from lexiseg.errors import DatasetError
from lexiseg.evaluation.tasks.instances import score_result, summarize
from lexiseg.metrics import AREAS, IOU_THRESHOLDS, mask_ious
from lexiseg.types import Instance, Instances, Mask, PresenceTrace, Recipe, Result
from tests.evaluation.tasks.coco_oracle import noisy_result

SIZE = (24, 32)
LIMIT = 300


def write_lvis(folder: Path) -> Path:
    """Twelve images of seven classes; each image says which of the others are absent."""
    rng = np.random.default_rng(7)
    classes = range(1, 8)
    letters = "rrccfff"
    categories = [
        {"id": 3 * k, "name": f"thing_({k})", "frequency": letters[k - 1]} for k in classes
    ]
    images, annotations = [], []
    for number in range(12):
        present = rng.choice(classes, 3, replace=False)
        others = [k for k in classes if k not in present]
        absent = rng.choice(others, 2, replace=False)
        images.append(
            {
                "id": number,
                "coco_url": f"http://images.cocodataset.org/val2017/{number:012d}.jpg",
                "height": SIZE[0],
                "width": SIZE[1],
                "neg_category_ids": [int(3 * k) for k in absent],
                "not_exhaustive_category_ids": [int(3 * present[0])] if number % 2 else [],
            }
        )
        for k in present:
            for _ in range(int(rng.integers(1, 3))):
                left, top = int(rng.integers(0, 20)), int(rng.integers(0, 14))
                wide, high = int(rng.integers(5, 11)), int(rng.integers(5, 10))
                right, bottom = left + wide, top + high
                box = [left, top, right, top, right, bottom, left, bottom]
                area = float(rng.choice([wide * high, 2000.0, 10_000.0]))
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": number, "category_id": int(3 * k),
                     "segmentation": [box], "area": area}
                )  # fmt: skip
    (folder / "val2017").mkdir()
    tables = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "lvis_v1_val.json").write_text(json.dumps(tables), encoding="utf-8")
    return folder


def slow_lvis(records: list[dict[str, Any]], dataset: Any) -> dict[str, float]:
    """AP by name, one class, area and threshold after the other."""
    tables = {}
    for area, (low, high) in AREAS.items():
        for number in range(len(dataset.classes)):
            tables[area, number] = [
                slow_class(records, dataset, number, threshold, low, high)
                for threshold in IOU_THRESHOLDS
            ]

    def mean(area: str, which: Any = None, column: int = 0, levels: slice = slice(None)) -> float:
        rows = [
            [pair[column] for pair in tables[area, number][levels]]
            for number in range(len(dataset.classes))
            if (which is None or dataset.frequencies[number] == which)
            and tables[area, number][0] is not None
        ]
        return float(np.mean(rows)) if rows else float("nan")

    return {
        "ap": mean("all"),
        "ap50": mean("all", levels=slice(0, 1)),
        "ap75": mean("all", levels=slice(5, 6)),
        **{f"ap_{area}": mean(area) for area in ("small", "medium", "large")},
        "ar300": mean("all", column=1),
        "ap_rare": mean("all", "r"),
        "ap_common": mean("all", "c"),
        "ap_frequent": mean("all", "f"),
    }


def slow_class(records, dataset, number, threshold, low, high):
    """(average precision, recall), or None where no object counts."""
    answers, total = [], 0
    for index, record in enumerate(records):
        sample = dataset[index]
        best = sorted(record["found"], key=lambda entry: -entry[1])[:LIMIT]
        objects = [item for item in sample.objects if item.class_index == number]
        counted = [low <= item.area <= high for item in objects]
        total += sum(counted)
        if number not in sample.known:
            continue
        taken = set()
        for k, score, counts in best:
            if k != number:
                continue
            mask = Mask.from_coco({"size": SIZE, "counts": counts})
            choices = [
                (counted[n], iou, n)
                for n, item in enumerate(objects)
                for iou in mask_ious([mask], [item.mask], np.array([False]))[0]
                if n not in taken and iou >= min(threshold, 1 - 1e-10)
            ]
            if choices:
                chosen = max(choices)[2]
                taken.add(chosen)
                if counted[chosen]:
                    answers.append((score, True))
            elif low <= mask.area <= high and number not in sample.incomplete:
                answers.append((score, False))
    if not total:
        return None
    answers.sort(key=lambda pair: -pair[0])
    right, points = 0, []
    for given, (_, hit) in enumerate(answers, start=1):
        right += hit
        points.append((right / total, right / given))
    best = [
        max((precision for recall, precision in points if recall >= level), default=0.0)
        for level in np.linspace(0, 1, 101)
    ]
    return float(np.mean(best)), right / total


def test_equals_the_slow_twin(tmp_path: Path) -> None:
    dataset = open_lvis(write_lvis(tmp_path))
    assert dataset.classes.prompts[0] == "thing (1)"
    samples = list(dataset)
    assert samples[3].image == tmp_path / "val2017" / "000000000003.jpg"
    absent = [row["neg_category_ids"] for row in dataset.tables["images"]]
    for sample, ids in zip(samples, absent, strict=True):
        present = {item.class_index for item in sample.objects}
        assert sample.known == present | {dataset.category_ids.index(number) for number in ids}
    results = [
        noisy_result(sample, dataset.classes.names, SIZE, 4, wrong=0.5) for sample in samples
    ]
    records = [score_result(r, s, dataset) for r, s in zip(results, samples, strict=True)]
    judged = sum(entry[0] in s.known for r, s in zip(records, samples, strict=True)
                 for entry in r["found"])  # fmt: skip
    assert judged < sum(len(record["found"]) for record in records)  # some must be left out
    scores = summarize(records, dataset).scores
    for name, expected in slow_lvis(records, dataset).items():
        assert scores[name] == pytest.approx(expected, abs=1e-12, nan_ok=True), name


def test_only_the_three_hundred_best_answers_of_an_image_count(tmp_path: Path) -> None:
    dataset = open_lvis(write_lvis(tmp_path))
    samples = list(dataset)
    thing = samples[0].objects[0]
    wrong = Mask.from_array(np.eye(*SIZE, dtype=bool))
    own, other = dataset.classes.names[thing.class_index], dataset.classes.names[0]

    def scores(clutter: int) -> float:
        items = [Instance(other, 0.9, wrong)] * clutter + [Instance(own, 0.5, thing.mask)]
        first = Result(SIZE, (), Instances(tuple(items), SIZE), PresenceTrace([]), Recipe("", ""))
        silent = Result(SIZE, (), Instances((), SIZE), PresenceTrace([]), Recipe("", ""))
        answers = [first] + [silent] * (len(samples) - 1)
        records = [score_result(a, s, dataset) for a, s in zip(answers, samples, strict=True)]
        return summarize(records, dataset).scores["ar300"]

    assert scores(299) > 0
    assert scores(300) == 0


def test_missing_keys_are_one_sentence(tmp_path: Path) -> None:
    path = write_lvis(tmp_path) / "lvis_v1_val.json"
    tables = json.loads(path.read_text(encoding="utf-8"))
    del tables["images"][0]["neg_category_ids"]
    path.write_text(json.dumps(tables), encoding="utf-8")
    with pytest.raises(DatasetError, match="lacks neg_category_ids in its table 'images'"):
        open_lvis(tmp_path)
