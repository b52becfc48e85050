"""Panoptic quality against panopticapi's own numbers and against sums written out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lexiseg.errors import UsageError
from lexiseg.metrics import (
    PanopticQuality,
    SegmentOutcome,
    bootstrap_interval,
    match_segments,
    panoptic_counts,
    panoptic_quality,
)
from tests.metrics.test_panoptic_matching import CLASSES, Piece, random_image


def outcomes_of(images) -> list[SegmentOutcome]:
    return [
        SegmentOutcome.of(match_segments(*image), image[1], image[3]) for image in images
    ]  # fmt: skip


def slow_quality(outcomes) -> tuple[float, float, float, int]:
    """The definition, one class and one segment at a time."""
    pq = sq = rq = 0.0
    active = 0
    for number in range(CLASSES):
        ious = [iou for one in outcomes for k, iou in one.matched if k == number]
        wrong = sum(one.wrong.count(number) for one in outcomes)
        missed = sum(one.missed.count(number) for one in outcomes)
        if not (ious or wrong or missed):
            continue
        active += 1
        pq += sum(ious) / (len(ious) + wrong / 2 + missed / 2)
        sq += sum(ious) / len(ious) if ious else 0.0
        rq += len(ious) / (len(ious) + wrong / 2 + missed / 2)
    return pq / active, sq / active, rq / active, active


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 4))
def test_quality_equals_the_definition_to_the_last_bit(seed: int, images: int) -> None:
    outcomes = outcomes_of(random_image(seed + k) for k in range(images))
    if not any(one.matched or one.wrong or one.missed for one in outcomes):
        return
    assert tuple(panoptic_quality(panoptic_counts(outcomes, CLASSES))) == slow_quality(outcomes)


def test_running_sum_equals_the_sum_over_a_list() -> None:
    images = [random_image(seed) for seed in range(8)]
    running = PanopticQuality(CLASSES)
    for image in images:
        running.update(*image)
    assert np.array_equal(running.counts, panoptic_counts(outcomes_of(images), CLASSES))
    assert running.compute() == panoptic_quality(running.counts)


def test_chosen_classes_are_averaged_alone() -> None:
    counts = np.array([[0.8, 1, 0, 0], [0.0, 0, 1, 0], [1.5, 2, 1, 1], [0, 0, 0, 0]])
    assert panoptic_quality(counts, [0, 3]).pq == pytest.approx(0.8)
    assert panoptic_quality(counts, [1, 2]).pq == pytest.approx((0 + 1.5 / 3) / 2)
    assert panoptic_quality(counts).classes == 3


def test_no_class_gives_no_number_and_no_warning() -> None:
    nothing = PanopticQuality(2).compute()
    assert np.isnan(nothing.pq)
    assert nothing.classes == 0
    assert np.isnan(PanopticQuality(2).compute([]).pq)


def test_weights_of_images_are_one_matrix_product() -> None:
    outcomes = outcomes_of(random_image(seed) for seed in range(12))
    images = np.stack([panoptic_counts([one], CLASSES) for one in outcomes])

    def statistic(weights: np.ndarray) -> np.ndarray:
        sums = weights @ images.reshape(len(images), -1)
        return panoptic_quality(sums.reshape(-1, CLASSES, 4)).pq

    drawn = np.array([[2, 0, 1] + [0] * 9])
    again = panoptic_counts([outcomes[0], outcomes[0], outcomes[2]], CLASSES)
    assert statistic(drawn)[0] == pytest.approx(float(panoptic_quality(again).pq))
    low, high = bootstrap_interval(len(images), statistic)
    assert low < statistic(np.ones((1, 12)))[0] < high


def test_class_out_of_range_is_named() -> None:
    with pytest.raises(UsageError, match="class index 3"):
        PanopticQuality(CLASSES).add(SegmentOutcome(wrong=(3,)))


def ids_of(path: Path) -> np.ndarray:
    red, green, blue = np.moveaxis(np.asarray(Image.open(path)).astype(np.int64), -1, 0)
    return red + 256 * green + 65536 * blue


def pieces(record: dict, index: dict[int, int]) -> list[Piece]:
    return [
        Piece(row["id"], index[row["category_id"]], row.get("area", 0), bool(row.get("iscrowd")))
        for row in record["segments_info"]
    ]


@pytest.mark.parametrize(
    "key", ["sample_perturbed", "sample_identity", "synthetic", "area_mismatch"]
)
def test_numbers_of_panopticapi_to_the_last_bit(shared: Path, key: str) -> None:
    pack = shared / "reference/oracle"
    sample = shared / "data/oracle/panopticapi_sample/panoptic_examples"
    truth = {"synthetic": pack / "pq_synthetic_gt", "area_mismatch": pack / "pq_area_mismatch_gt"}
    answer = {
        "sample_perturbed": pack / "pq_sample_pred",
        "sample_identity": sample,
        "synthetic": pack / "pq_synthetic_pred",
        "area_mismatch": pack / "pq_area_mismatch_pred",
    }[key]
    folder = truth.get(key, sample)
    tables = json.loads(folder.with_suffix(".json").read_text())
    found = json.loads(answer.with_suffix(".json").read_text())["annotations"]
    answers = {row["image_id"]: row for row in found}
    index = {row["id"]: place for place, row in enumerate(tables["categories"])}
    running = PanopticQuality(len(index))
    for row in tables["annotations"]:
        other = answers[row["image_id"]]
        running.update(
            ids_of(folder / row["file_name"]),
            pieces(row, index),
            ids_of(answer / other["file_name"]),
            pieces(other, index),
        )  # fmt: skip
    expected = json.loads((pack / "pq_expected.json").read_text())[key]
    for number, row in expected["stats"].items():
        assert running.counts[index[int(number)]].tolist() == [
            row["iou"], row["tp"], row["fp"], row["fn"]
        ]  # fmt: skip
    of_kind = {"All": (0, 1), "Things": (1,), "Stuff": (0,)}
    for kind, flags in of_kind.items():
        chosen = [index[row["id"]] for row in tables["categories"] if row["isthing"] in flags]
        wanted = expected[kind]
        assert tuple(running.compute(chosen)) == (
            wanted["pq"], wanted["sq"], wanted["rq"], wanted["n"]
        )  # fmt: skip
