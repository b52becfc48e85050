"""What the oracles cost: ``python -m benchmarks.oracle_speed [--pictures N] [--memory]``.

* Oracles (b) and (e) over answers in files, beside the evaluation of panopticapi on the same files
  (its steps transcribed below, as the package is on no index);
* the assignment costs of 100 candidates and 20 segments at 640 x 480 as matrix products, beside a
  loop over the pairs;
* with ``--memory``, a whole study with candidates, and how its memory grows with the pictures.

Processor time of one thread, the least of several rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from lexiseg.analysis.oracles.config import OracleConfig
from lexiseg.analysis.oracles.inputs.bundles import write_bundle
from lexiseg.analysis.oracles.inputs.opening import Sources, open_cases
from lexiseg.analysis.oracles.judging import Judge
from lexiseg.analysis.oracles.measures import PanopticMeasure
from lexiseg.analysis.oracles.study import study_files
from lexiseg.ops.mask_cost import mask_costs

SIZE_HW, SEGMENTS, CANDIDATES, CLASSES = (480, 640), 20, 100, 133
Ids = NDArray[np.int64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--memory", action="store_true", help="the study with candidates")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if chosen.memory:
            memory(Path(folder), chosen.pictures)
        else:
            files(Path(folder), chosen.pictures)
            costs()


def files(folder: Path, pictures: int) -> None:
    """Oracles over files, and panopticapi on the same."""
    write_data(folder, pictures)
    sources = Sources(folder / "truth.json", folder / "answers.json")
    config = OracleConfig()

    def ours() -> float:
        cases = open_cases(sources, config)
        measure = PanopticMeasure()
        judge = Judge(cases.classes, config, measure, cases.infer)
        records = [judge(cases[place]) for place in range(len(cases))]
        runs = [[record["runs"][name] for record in records] for name in ("baseline", "names")]
        tallies = [measure.gather(run, len(cases.classes)) for run in runs]
        return float(tallies[0].values(np.ones((1, pictures)))[0])

    values = ours(), panopticapi_pq(folder)
    assert abs(values[0] - values[1]) < 1e-9, values
    mine, theirs = least(ours), least(lambda: panopticapi_pq(folder))
    print(f"oracles (b), (e) and all types of errors: {1000 * mine / pictures:.1f} ms a picture")
    print(f"panopticapi's evaluation:                 {1000 * theirs / pictures:.1f} ms a picture")
    print(f"ratio: {mine / theirs:.2f}")


def costs() -> None:
    """Matrix products and the loop over pairs."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(CANDIDATES, *SIZE_HW, generator=generator)
    ids = torch.from_numpy(random_ids(np.random.default_rng(0)))
    segments = torch.stack([ids == number for number in range(1, SEGMENTS + 1)])
    few = 5  # candidates of the loop, which takes as long for each
    for one, other in zip(
        mask_costs(logits[:few], segments), loop(logits[:few], segments), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    fast = least(lambda: mask_costs(logits, segments))
    slow = least(lambda: loop(logits[:few], segments), rounds=2) * CANDIDATES / few
    print(f"costs as matrix products: {1000 * fast:.0f} ms")
    print(f"loop over the pairs:      {1000 * slow:.0f} ms, {slow / fast:.0f} times as long")


def memory(folder: Path, pictures: int) -> None:
    """A study with candidates."""
    write_data(folder, pictures)
    rng = np.random.default_rng(0)
    for number in range(pictures):
        masks = rng.normal(-2, 3, (CANDIDATES, SIZE_HW[0] // 4, SIZE_HW[1] // 4))
        classes = rng.dirichlet(np.ones(CLASSES + 1), CANDIDATES)
        arrays = (masks.astype(np.float16), classes[:, :-1].astype(np.float32))
        write_bundle(folder / "candidates", f"{number:06d}", *arrays)
    sources = Sources(folder / "truth.json", folder / "answers.json", folder / "candidates")
    config = OracleConfig()
    for limit in (max(1, pictures // 4), pictures):
        begin = time.process_time()
        out = folder / f"out{limit}"
        study_files(open_cases(sources, config), out, config, limit=limit, gallery=0, quiet=True)
        spent, peak = (
            time.process_time() - begin,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )
        size = (out / "records.jsonl").stat().st_size
        print(
            f"{limit} pictures: {spent / limit:.2f} s each, peak {peak / 2**20:.2f} GB, "
            f"{size / limit / 1000:.1f} kB of records each"
        )


def least(call: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of processor time."""
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        spent.append(time.process_time() - begin)
    return min(spent)


def loop(logits: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """One pair at a time."""
    entropy = torch.zeros(len(logits), len(segments), dtype=torch.float64)
    dice = torch.zeros_like(entropy)
    for q, x in enumerate(logits):
        for g, mask in enumerate(segments):
            t = mask.float()
            entropy[q, g] = binary_cross_entropy_with_logits(x, t)
            s = x.sigmoid()
            dice[q, g] = 1 - (2 * (s * t).sum() + 1) / (s.sum() + t.sum() + 1)
    return entropy, dice


def random_ids(rng: np.random.Generator) -> Ids:
    """A map of smooth regions: each pixel belongs to the nearest of some random places."""
    places = rng.random((SEGMENTS, 2)) * SIZE_HW
    rows, columns = np.indices(SIZE_HW)
    distance = [(rows - y) ** 2 + 0.7 * (columns - x) ** 2 for y, x in places]
    ids: Ids = np.argmin(distance, axis=0) + 1
    ids[rng.random(SIZE_HW) < 0.01] = 0
    return ids


def write_data(folder: Path, pictures: int) -> None:
    """Truth and answers in COCO's panoptic layout."""
    rng = np.random.default_rng(0)
    categories = [{"id": c, "name": f"class {c}", "isthing": c % 2} for c in range(CLASSES)]
    kinds: dict[str, list[dict[str, Any]]] = {"truth": [], "answers": []}
    for number in range(pictures):
        true = random_ids(rng)
        shift = rng.integers(-20, 21, 2)
        labels = rng.integers(0, CLASSES, SEGMENTS + 1)
        kinds["truth"].append(_record(folder / "truth", number, true, labels))
        wrong = np.where(rng.random(SEGMENTS + 1) < 0.3, rng.integers(0, CLASSES), labels)
        found = np.roll(true, shift, axis=(0, 1))
        kinds["answers"].append(_record(folder / "answers", number, found, wrong))
    for name, records in kinds.items():
        content = {"annotations": records, "categories": categories}
        (folder / f"{name}.json").write_text(json.dumps(content))


def _record(folder: Path, number: int, ids: Ids, labels: NDArray[np.int64]) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    name = f"{number:06d}.png"
    spread = ids * 70_001 % 2**24  # numbers as large as COCO's
    rgb = np.stack([(spread >> shift) & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / name)
    rows = [
        {
            "id": int(s * 70_001 % 2**24), "category_id": int(labels[s]), "iscrowd": 0,
            "area": int((ids == s).sum()),
        }
        for s in np.unique(ids[ids > 0])
    ]  # fmt: skip
    return {"image_id": number, "file_name": name, "segments_info": rows}


# The evaluation of panopticapi, step by step.

VOID, OFFSET = 0, 256**3


def panopticapi_pq(folder: Path) -> float:
    """Panoptic quality over all categories."""
    truth, answers = (json.loads((folder / f"{n}.json").read_text()) for n in ("truth", "answers"))
    sums: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("iou", *"tfm"), 0.0))
    predicted = {row["image_id"]: row for row in answers["annotations"]}
    for true in truth["annotations"]:
        _one_picture(folder, true, predicted[true["image_id"]], sums)
    values = [
        row["iou"] / (row["t"] + row["f"] / 2 + row["m"] / 2)
        for row in sums.values()
        if row["t"] + row["f"] + row["m"]
    ]
    return float(np.mean(values))


def _rgb2id(path: Path) -> NDArray[np.uint32]:
    color = np.array(Image.open(path), dtype=np.uint32)
    ids: NDArray[np.uint32] = color[..., 0] + 256 * color[..., 1] + 256 * 256 * color[..., 2]
    return ids


def _one_picture(
    folder: Path, true: dict[str, Any], found: dict[str, Any], sums: dict[int, dict[str, float]]
) -> None:
    true_map = _rgb2id(folder / "truth" / true["file_name"])
    found_map = _rgb2id(folder / "answers" / found["file_name"])
    truths = {row["id"]: row for row in true["segments_info"]}
    answers = {row["id"]: dict(row) for row in found["segments_info"]}
    for label, count in _counts(found_map):
        if label != VOID:
            answers[label]["area"] = count
    pairs = true_map.astype(np.uint64) * OFFSET + found_map.astype(np.uint64)
    shared = {(pair // OFFSET, pair % OFFSET): count for pair, count in _counts(pairs)}
    matched_true, matched_found = set(), set()
    for (t, a), both in shared.items():
        if (
            t not in truths
            or a not in answers
            or truths[t]["category_id"] != answers[a]["category_id"]
        ):
            continue
        union = answers[a]["area"] + truths[t]["area"] - both - shared.get((VOID, a), 0)
        if both / union > 0.5:
            sums[truths[t]["category_id"]]["t"] += 1
            sums[truths[t]["category_id"]]["iou"] += both / union
            matched_true.add(t)
            matched_found.add(a)
    for t, row in truths.items():
        if t not in matched_true:
            sums[row["category_id"]]["m"] += 1
    for a, row in answers.items():
        if a not in matched_found and shared.get((VOID, a), 0) / row["area"] <= 0.5:
            sums[row["category_id"]]["f"] += 1


def _counts(values: NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    labels, counts = np.unique(values, return_counts=True)
    return ((int(label), int(count)) for label, count in zip(labels, counts, strict=True))


if __name__ == "__main__":
    main()
