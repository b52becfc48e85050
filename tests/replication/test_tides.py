"""The plumbing of the TIDES replication; what the small SAM reaches is measured by its command."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lexiseg.io.output_folder import output_folder
from lexiseg.methods.base import Provenance
from lexiseg.methods.tides import Tides, TidesConfig
from lexiseg.ops.resizing import resize_from_frame
from lexiseg.registry import METHODS, REPLICATIONS
from lexiseg.replication.tides.numbers import Finding, mean_gain
from lexiseg.replication.tides.records import replicate_tides
from lexiseg.replication.tides.rows import (
    PAIRS,
    PAPER_PAIR,
    PAPER_STEP_D,
    READINGS,
    SCORER,
    SCORERS,
    Row,
    all_rows,
)
from lexiseg.replication.tides.worker import Task, TidesWorker
from lexiseg.types import Candidates, DenseFeatures, Frame, ImageEmbedding


class Guesser:
    """Random directions for names, mean colors for patches."""

    input_size, patch_size = 16, 4
    device = torch.device("cpu")

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def encode(self, pixels: torch.Tensor) -> DenseFeatures:
        patches = F.avg_pool2d(pixels, self.patch_size).permute(0, 2, 3, 1) - 0.5
        whole = F.normalize(patches.mean(dim=(1, 2)), dim=-1)
        return DenseFeatures(patches, whole, whole)

    def score(self, features: DenseFeatures, texts: torch.Tensor) -> torch.Tensor:
        return features.patches @ texts.T

    def embed_texts(self, names: Any) -> torch.Tensor:
        rows = [np.random.default_rng(zlib.crc32(name.encode())).normal(size=3) for name in names]
        return F.normalize(torch.tensor(np.array(rows), dtype=torch.float32), dim=1)


class Discs:
    """Three discs about each point; the smallest is preferred."""

    side = 16
    decoded = encoded = 0

    def encode(self, image: np.ndarray) -> ImageEmbedding:
        Discs.encoded += 1
        return ImageEmbedding(Frame(image.shape[:2], (64, 64), (64, 64)), ())

    def predict_chunks(self, embedding: ImageEmbedding, **prompts: Any) -> Iterator[Candidates]:
        yield self.predict(embedding, **prompts)

    def predict(self, embedding: ImageEmbedding, *, points: Any, **_: Any) -> Candidates:
        Discs.decoded += len(points)
        scale = self.side / max(embedding.frame.image_hw)
        centers = torch.as_tensor(points)[:, 0] * scale
        axis = torch.arange(self.side) + 0.5
        x, y = centers[:, 0, None, None], centers[:, 1, None, None]
        distance = torch.hypot(axis[None, None] - x, axis[None, :, None] - y)
        radii = torch.tensor([1.5, 3.0, 5.0])[None, :, None, None]
        scores = torch.tensor([[0.9, 0.8, 0.7]]).expand(len(points), 3)
        return Candidates(radii - distance[:, None], scores)

    def full_size(self, logits: torch.Tensor, embedding: ImageEmbedding) -> torch.Tensor:
        return resize_from_frame(logits, embedding.frame, through=True)


class ToyTides(Tides):
    loads = 0

    @classmethod
    def load(cls, preset: str, device: str, dtype: str, scorer: str, **_: Any) -> ToyTides:
        assert preset == "mini"
        assert scorer in SCORERS
        cls.loads += 1
        config = TidesConfig(long_side=64, windows=(32, 64), point_stride=3)
        return cls(Guesser(), Discs(), config, provenance=Provenance(preset))


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS._targets, "tides", ToyTides)


def test_page_has_every_row_and_later_calls_ask_only_what_is_missing(tmp_path: Path) -> None:
    replicate_tides(scenes=1, out=tmp_path, jobs=1, quiet=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    page = replicate_tides(scenes=2, out=tmp_path, jobs=1, quiet=True)
    assert (tmp_path / "replication-tides.md").read_text(encoding="utf-8") == page
    lines = page.splitlines()
    for scorer in SCORERS:
        expected = 7 if scorer == SCORER else 4  # and two rows and a gain of the paper's step D
        assert sum(line.startswith(f"| {scorer} |") for line in lines) == expected
    assert sum(line.startswith(("| semantics (A)", "| all |")) for line in lines) == 3
    assert "bandwidth = 0.02 for 0.5" not in page  # this toy has the paper's step D already
    assert "with the preset's" in page and "with the paper's" in page
    for reading in READINGS:
        assert all(any(line.startswith(f"| {label} |") for line in lines) for label in reading.rows)
    assert f"`lexiseg evaluate tides --replicate --scenes 2 -o {tmp_path}`" in page
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    assert len(files) == len(all_rows())
    assert all(files[path].startswith(content) for path, content in before.items())
    encoded = Discs.encoded
    assert replicate_tides(scenes=2, out=tmp_path, jobs=1, quiet=True) == page
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == files
    assert Discs.encoded == encoded


def test_scorers_share_what_the_segmenter_answered() -> None:
    worker = TidesWorker("tides", "cpu", "auto", 1)
    worker.run(Task(0, (PAIRS[0][0],)))
    alone = Discs.decoded
    together = TidesWorker("tides", "cpu", "auto", 1)
    records = together.run(Task(0, tuple(row for pair in PAIRS for row in pair)))
    assert Discs.decoded - alone < 2 * alone
    raw, io = records[:2]
    assert raw["found"] != io["found"]
    assert records[2:4] == [raw, io]  # all scorers are the same here


def test_whole_truth_is_the_best_of_the_table() -> None:
    """Not perfect: cells of this toy are coarse, and what no cell shows cannot be proposed."""
    worker = TidesWorker("tides", "cpu", "auto", 3)
    samples = list(worker.dataset)
    rows = [row for row in all_rows() if row.truth]
    answers = [worker.run(Task(scene, tuple(rows))) for scene in range(3)]
    by_row = zip(rows, zip(*answers, strict=True), strict=True)
    found = {row: Finding(records, samples) for row, records in by_row}
    knowing = found[max(rows, key=lambda row: len(row.truth))]
    assert knowing.value("ap") == max(finding.value("ap") for finding in found.values()) > 0.3
    assert knowing.ideal == pytest.approx(knowing.value("ap"), abs=0.05)


def test_the_papers_step_d_is_asked_whatever_the_preset_says() -> None:
    worker = TidesWorker("tides", "cpu", "auto", 1)
    paper, preset = (worker.configured(row).config for row in (PAPER_PAIR[1], Row()))
    published = TidesConfig()
    for name in PAPER_STEP_D:
        assert getattr(paper, name) == getattr(published, name), name
    assert paper.long_side == preset.long_side


def test_gain_is_paired() -> None:
    worker = TidesWorker("tides", "cpu", "auto", 3)
    samples = list(worker.dataset)
    answers = [worker.run(Task(scene, PAIRS[0])) for scene in range(3)]
    raw, io = (Finding(records, samples) for records in zip(*answers, strict=True))
    value, low, high = mean_gain([(raw, io)] * 2)
    assert value == pytest.approx(100 * (io.value("ap") - raw.value("ap")))
    assert low <= high
    assert mean_gain([(raw, raw)]) == (0.0, 0.0, 0.0)


def test_the_pages_of_the_documentation_are_made_anew_by_the_commands_they_name() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    pages = [docs / REPLICATIONS[name].page for name in REPLICATIONS]
    plots = [docs / plot for name in REPLICATIONS for plot in REPLICATIONS[name].plots]
    output_folder(docs).check(*pages, *plots)
    assert len(pages) == 5 and all(path.is_file() for path in (*pages, *plots))
