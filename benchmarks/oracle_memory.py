"""Memory and time of a long oracle study: ``python -m benchmarks.oracle_memory``.

`lexiseg analyze oracles` runs in processes of its own over pictures of 640 x 480 pixels with 20
true segments and 100 candidates each. The candidates are made to look like a trained predictor's:
one fits each segment, some are fragments and doubles, most are sure to be no object. A few
different pictures are written and linked under as many names as are asked for.

What one picture needs is gone with it; what stays is its record. So the first pictures are judged
one after the other, with the most memory so far at half of them and at the end. For every larger
count a study is then continued whose records are there but for the last few (those of the first
pictures again): it holds them all, judges the rest and writes the report. ``--judge 5000`` judges
every picture instead, which takes hours.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lexiseg.analysis.oracles.inputs.bundles import write_bundle

SIZE_HW, STRIDE, CLASSES = (480, 640), 4, 133
SEGMENTS, FRAGMENTS, CANDIDATES = 20, 30, 100
RECORDS = "records.jsonl"
Floats = NDArray[np.float32]


class Scene(NamedTuple):
    """A true map, and distances from which masks follow."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    nearness: NDArray[np.float64]


def main() -> None:
    """Write data, run the command, print a row per count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 1000, 2500, 5000])
    parser.add_argument("--judge", type=int, default=200, help="pictures judged in one go")
    parser.add_argument("--last", type=int, default=10, help="judged anew for every count")
    parser.add_argument("--different", type=int, default=40, help="pictures that are written")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, judge = Path(name), min(chosen.judge, *chosen.counts)
        write_data(folder, max(chosen.counts), min(chosen.different, judge))
        half, whole = study(folder, judge)
        print(
            f"{judge} pictures: {whole.seconds / judge:.2f} s each, peak {half.peak:.2f} GB after "
            f"half of them, {whole.peak:.2f} GB with the report",
            flush=True,
        )
        records = (folder / "report" / RECORDS).read_text("utf-8").splitlines()
        print(f"{sum(map(len, records[1:])) / judge / 1000:.1f} kB of records a picture")
        for count in chosen.counts:
            continued(folder, records, count - chosen.last)
            peak = study(folder, count)[1].peak
            print(f"{count} pictures, continued to the report: peak {peak:.2f} GB", flush=True)


class Usage(NamedTuple):
    """Processor seconds, and most memory so far in GB, of a process."""

    seconds: float
    peak: float


def study(folder: Path, count: int) -> tuple[Usage, Usage]:
    """Run the command on the first so many pictures: what it used at half of them and in all."""
    command = [
        *(sys.executable, "-m", "lexiseg", "analyze", "oracles"),
        *("--truth", str(folder / "truth.json"), "--candidates", str(folder / "candidates")),
        *("-o", str(folder / "report"), "--limit", str(count)),
    ]
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        half = whole = Usage(0, 0)
        while process.poll() is None:
            whole = usage(process.pid) or whole
            if judged(folder / "report" / RECORDS) <= count / 2:
                half = whole
            time.sleep(0.2)
    if process.returncode:
        sys.exit((folder / "output.txt").read_text()[-2000:])
    report = json.loads((folder / "report" / "report.json").read_text("utf-8"))
    assert report["pictures"] == count, report["pictures"]
    return half, whole


def continued(folder: Path, lines: Sequence[str], count: int) -> None:
    """Leave a study that has judged so many pictures; its records are those lines, repeated."""
    first, *records = lines
    shutil.rmtree(folder / "report")
    (folder / "report").mkdir()
    with (folder / "report" / RECORDS).open("w", encoding="utf-8") as file:
        file.write(first + "\n")
        for number in range(count):
            record = {**json.loads(records[number % len(records)]), "id": f"{number:06d}"}
            file.write(json.dumps(record) + "\n")


def usage(process: int) -> Usage | None:
    """What a process has used; None once it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    ticks = int(fields[11]) + int(fields[12])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), int(peak[1]) / 2**20) if peak else None


def judged(records: Path) -> int:
    """Pictures whose records are there."""
    return records.read_bytes().count(b'"runs"') if records.is_file() else 0


def write_data(folder: Path, pictures: int, different: int) -> None:
    """Truth in COCO's panoptic layout, and bundles of candidates."""
    for part in ("truth", "candidates"):
        (folder / part).mkdir()
    rows = []
    for number in range(pictures):
        name = f"{number:06d}"
        if number < different:
            rows.append(write_picture(folder, name, np.random.default_rng(number)))
            continue
        like = f"{number % different:06d}"
        os.link(folder / "truth" / f"{like}.png", folder / "truth" / f"{name}.png")
        os.link(folder / "candidates" / f"{like}.npz", folder / "candidates" / f"{name}.npz")
        rows.append(rows[number % different])
    annotations = [
        {"image_id": number, "file_name": f"{number:06d}.png", "segments_info": row}
        for number, row in enumerate(rows)
    ]
    categories = [{"id": c, "name": f"class {c}", "isthing": c % 2} for c in range(CLASSES)]
    content = {"annotations": annotations, "categories": categories}
    (folder / "truth.json").write_text(json.dumps(content))


def write_picture(folder: Path, name: str, rng: np.random.Generator) -> list[dict[str, int]]:
    """One picture's files, and its table of segments."""
    scene = draw_scene(rng)
    spread = scene.ids * 70_001 % 2**24  # numbers as large as COCO's
    rgb = np.stack([(spread >> shift) & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / "truth" / f"{name}.png")
    write_bundle(folder / "candidates", name, *draw_candidates(scene, rng))
    return [
        {
            "id": number * 70_001 % 2**24, "category_id": int(scene.labels[number - 1]),
            "iscrowd": 0, "area": int((scene.ids == number).sum()),
        }
        for number in np.unique(scene.ids[scene.ids > 0]).tolist()
    ]  # fmt: skip


def draw_scene(rng: np.random.Generator) -> Scene:
    """Regions around random places, some of whose pixels are void."""
    places = rng.random((SEGMENTS, 2)) * SIZE_HW
    rows, columns = np.indices(SIZE_HW)
    distance = np.stack([np.hypot(rows - y, 0.8 * (columns - x)) for y, x in places])
    ids = distance.argmin(axis=0) + 1
    ids[rng.random(SIZE_HW) < 0.01] = 0
    nearest = np.sort(distance, axis=0)[:2]
    rival = np.where(distance == nearest[0], nearest[1], nearest[0])
    return Scene(ids, rng.integers(0, CLASSES, SEGMENTS), (rival - distance) / 8)


def draw_candidates(
    scene: Scene, rng: np.random.Generator
) -> tuple[NDArray[np.float16], Floats, Floats]:
    """Mask logits, class probabilities and the probability of no object."""
    small = scene.nearness[:, ::STRIDE, ::STRIDE]
    others = rng.integers(0, SEGMENTS, CANDIDATES - SEGMENTS)
    shown = np.concatenate([np.arange(SEGMENTS), others])
    masks = small[shown] + rng.normal(0, 0.3, (CANDIDATES, *small.shape[1:]))
    masks[SEGMENTS:] -= rng.uniform(2, 8, (CANDIDATES - SEGMENTS, 1, 1))  # smaller than it
    void = np.concatenate(
        [
            rng.beta(1, 6, SEGMENTS),
            rng.beta(6, 3, FRAGMENTS),
            rng.beta(60, 1, CANDIDATES - SEGMENTS - FRAGMENTS),
        ]
    )
    right = rng.random(CANDIDATES) < 0.6
    labels = np.where(right, scene.labels[shown], rng.integers(0, CLASSES, CANDIDATES))
    classes = rng.dirichlet(np.full(CLASSES, 0.05), CANDIDATES) * 0.4
    classes[np.arange(CANDIDATES), labels] += 0.6
    named = classes * (1 - void[:, None])
    return masks.astype(np.float16), named.astype(np.float32), void.astype(np.float32)


if __name__ == "__main__":
    main()
