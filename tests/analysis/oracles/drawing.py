"""Random pictures with candidates for the tests of the oracles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lexiseg.analysis.oracles.case import CandidateSet, Case, CaseMap, CaseSegment
from lexiseg.analysis.oracles.inputs.bundles import write_bundle

CLASSES = 4
THINGS = np.array([True, True, False, False])


def random_map(rng: np.random.Generator, size_hw=(12, 16), cells=6, void=0.1, crowd=0.0) -> CaseMap:
    """Random rectangles over each other; class at random."""
    ids = np.zeros(size_hw, dtype=np.int64)
    for number in range(1, cells + 1):
        top, left = rng.integers(0, size_hw[0]), rng.integers(0, size_hw[1])
        ids[top : top + rng.integers(2, 9), left : left + rng.integers(2, 9)] = number
    ids[rng.random(size_hw) < void] = 0
    present = [number for number in range(1, cells + 1) if (ids == number).any()]
    segments = tuple(
        CaseSegment(n, int(rng.integers(CLASSES)), float((ids == n).sum()), rng.random() < crowd)
        for n in present
    )
    return CaseMap(ids, segments)


def shifted(truth: CaseMap, rng: np.random.Generator) -> CaseMap:
    """An answer near the truth: moved, some classes changed."""
    ids = np.roll(truth.ids, int(rng.integers(-1, 2)), axis=int(rng.integers(2)))
    segments = tuple(
        CaseSegment(s.id, int(rng.integers(CLASSES)) if rng.random() < 0.4 else s.class_index)
        for s in truth.segments
    )
    return CaseMap(ids, segments)


def random_case(seed: int, crowd: float = 0.1) -> Case:
    """A picture and an answer near its truth."""
    rng = np.random.default_rng(seed)
    truth = random_map(rng, crowd=crowd)
    return Case(f"picture {seed}", truth, shifted(truth, rng))


def candidates_near(truth: CaseMap, seed: int, spare: int = 4, blur: float = 1.0) -> CandidateSet:
    """Candidates near every true segment, and some at random."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.from_numpy(truth.masks(truth.segments)).float() * 8 - 4
    noise = torch.randn(len(masks) + spare, *truth.size_hw, generator=generator)
    near = torch.cat([masks, torch.full((spare, *truth.size_hw), -1.0)]) + blur * noise
    classes = torch.randn(len(near), CLASSES + 1, generator=generator)
    for row, segment in enumerate(truth.segments):
        classes[row, segment.class_index] += 2
    return CandidateSet.from_logits(classes, near)


CATEGORIES = [
    {"id": 10 + index, "name": name, "isthing": int(THINGS[index])}
    for index, name in enumerate(("dog", "cup", "grass", "wall,brick"))
]


def write_png(path: Path, ids: np.ndarray) -> None:
    """Segment numbers as colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = [(ids >> shift) & 255 for shift in (0, 8, 16)]
    Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)).save(path)


def write_truth(folder: Path, cases: Sequence[Case]) -> Path:
    """True maps in COCO's panoptic layout."""
    return _write(folder / "truth.json", [(c.name, c.truth) for c in cases], categories=CATEGORIES)


def write_answers(folder: Path, cases: Sequence[Case]) -> Path:
    """Answers in COCO's panoptic layout."""
    return _write(folder / "answers.json", [(c.name, c.found) for c in cases])


def _write(path: Path, maps: Sequence[tuple[str, CaseMap]], **more: object) -> Path:
    records, images = [], []
    for number, (name, shown) in enumerate(maps, start=1):
        write_png(path.with_suffix("") / f"{name}.png", shown.ids)
        rows = [
            {"id": s.id, "category_id": 10 + s.class_index, "area": s.area, "iscrowd": int(s.crowd)}
            for s in shown.segments
        ]
        records.append({"image_id": number, "file_name": f"{name}.png", "segments_info": rows})
        images.append({"id": number, "file_name": f"{name}.jpg"})
    content = {"images": images, "annotations": records} | more
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_candidates(folder: Path, cases: Sequence[Case]) -> Path:
    """Candidates near the truth as bundles."""
    for seed, case in enumerate(cases):
        few = candidates_near(case.truth, seed, blur=2)
        arrays = (few.masks.numpy(), few.classes.numpy(), few.void.numpy())
        words = [f"text {q}" for q in range(len(few))]
        write_bundle(folder / "candidates", case.name, *arrays, wordings=words)
    return folder / "candidates"
