"""Sweeps over the least cosine, against label maps relabelled at each threshold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexiseg.datasets import ClassList
from lexiseg.evaluation.tasks.self_named.scoring import to_cells
from lexiseg.evaluation.tasks.self_named.thresholds import (
    CLIP_SWEEP,
    TEXT_SWEEP,
    plot_sweeps,
    write_sweeps,
)
from lexiseg.io.output_folder import output_folder
from lexiseg.metrics import class_overlaps, image_iou
from lexiseg.metrics.renamed_segments import cross

NAMES = ("dog", "cat", "tree")


@pytest.fixture
def dataset() -> Any:
    classes = ClassList("toy-3", NAMES, NAMES, frozenset())
    return SimpleNamespace(name="toy", classes=classes, has_void=True)


Picture = tuple[np.ndarray, np.ndarray, dict[str, Any]]


def picture(seed: int) -> Picture:
    """Truth, segments and the record of a scene whose segments mean anything."""
    random = np.random.default_rng(seed)
    truth, segments = random.integers(1, 4, (6, 7)), random.integers(0, 4, (6, 7))
    pairs = {
        key: [[int(k), float(c)] for k, c in zip(random.integers(1, 4, 4), cosines, strict=True)]
        for key, cosines in (("st", random.uniform(0, 0.4, 4)), ("tt", random.uniform(0, 1, 4)))
    }
    record = {"id": str(seed), "said": [""] * 4, "cells": to_cells(cross(truth, segments, 4))}
    return truth, segments, {**record, **pairs}


@pytest.mark.parametrize("sweep", [CLIP_SWEEP, TEXT_SWEEP], ids=lambda sweep: sweep.key)
def test_a_curve_is_that_of_relabelled_maps(sweep: Any, dataset: Any) -> None:
    pictures = [picture(seed) for seed in range(3)]
    curve = sweep.curve([record for _, _, record in pictures], dataset)

    def slow(threshold: float) -> float:
        values = []
        for truth, segments, record in pictures:
            labels = np.array([k if cos >= threshold else 0 for k, cos in record[sweep.key]])
            values.append(image_iou(class_overlaps(truth, segments, labels)))
        return 100 * float(np.mean(values))

    assert curve == pytest.approx([slow(threshold) for threshold in sweep.thresholds])
    assert len(set(curve)) > 4


def test_thresholds_are_those_of_the_paper() -> None:
    assert CLIP_SWEEP.thresholds == (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
    assert TEXT_SWEEP.thresholds == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


def test_files_show_what_was_judged(dataset: Any, tmp_path: Path) -> None:
    records = [picture(seed)[2] for seed in range(2)]
    paths = write_sweeps(records, dataset, output_folder(tmp_path))
    assert [path.name for path in paths] == ["thresholds.md", "thresholds.png"]
    page = paths[0].read_text(encoding="utf-8")
    assert "(Table 6" in page and f"| toy | {TEXT_SWEEP.curve(records, dataset)[0]:.1f} |" in page
    for record in records:
        del record["tt"]
    write_sweeps(records, dataset, output_folder(tmp_path))
    assert "(Table 6" not in paths[0].read_text(encoding="utf-8")


def test_curves_may_have_gaps(tmp_path: Path) -> None:
    curve = [19.6, float("nan"), *[1.25] * 9]
    assert list(TEXT_SWEEP.table({"paper": curve}))[-1] == f"| paper | 19.6 |  |{' 1.2 |' * 9}"
    lines = {"ours": [float(k) for k in range(11)], "paper": curve}
    path = plot_sweeps({TEXT_SWEEP: lines}, output_folder(tmp_path), "x.png")
    with Image.open(path) as picture:
        assert min(picture.size) > 200 and len(picture.convert("RGB").getcolors(10**6)) > 10
        assert "Software" not in picture.info  # else another version gives another file
