"""One process of a zero-guidance replication: labels one scene in every way still missing.

A scene is drawn and cut into candidates once; the ways differ in how candidates are embedded and
whether they are merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lexiseg.datasets.miniature import SIDE, DrawnScenes
from lexiseg.datasets.miniature_regions import MiniworldRegions
from lexiseg.datasets.miniworld import Miniworld
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.tasks.self_named.scoring import score_scene
from lexiseg.io.image import read_image
from lexiseg.methods.zero_guidance import ZeroGuidance
from lexiseg.methods.zero_guidance.candidates import find_segments
from lexiseg.methods.zero_guidance.embeddings import MaskedEmbedder
from lexiseg.methods.zero_guidance.pipeline import Scene, encode_scene
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.replication.engine import BundledMethod
from lexiseg.replication.rows import RowTask

SEED = 2026  # of the scenes; nothing was tuned on them


@dataclass(frozen=True)
class Row:
    """A line of Table 3.

    Args:
        key: name of the file of its records.
        label: in the table.
        options: fields of `ZeroGuidanceConfig` that differ from the preset's.
        paper: ST IoU, Recall and text generation quality on PC-59, first 1,000 images, in percent.
        decoder: what finds the words; None for the preset's.
        every: of so many scenes one is asked, the first ones.
    """

    key: str
    label: str
    options: Mapping[str, object] = field(hash=False)
    paper: tuple[float, float, float | None]
    decoder: str | None = None
    every: int = 1

    def scenes_of(self, scenes: int) -> int:
        """How many of the scenes are asked, at least one."""
        return -(-scenes // self.every)


FULL = Row("full", "full method", {}, (17.5, 15.0, 19.0))
BASELINES = (
    Row("crop", "crop and mask", {"embedding": "crop"}, (12.1, 10.2, 16.9)),
    Row("no-subtraction", "no global subtraction", {"sigma_squared": None}, (14.5, 15.0, 11.8)),
    Row("no-merging", "no merging", {"merge": False}, (16.4, 11.8, None)),
)
PUBLISHED_WEIGHTS = (
    Row("sigma-2.5", "full, sigma^2 = 2.5 as published", {"sigma_squared": 2.5}, FULL.paper),
    Row(
        "sigma-2.5-rows",
        "full, sigma^2 = 2.5, saliency of rows as released",
        {"sigma_squared": 2.5, "saliency": "rows"},
        FULL.paper,
    ),
)
"""The full method with the weight of the subtraction that the paper's formula gives."""
ROWS = (*BASELINES, *PUBLISHED_WEIGHTS, FULL)
"""Table 3."""
ZEROCAP = Row("zerocap", "full method, ZeroCap", {}, FULL.paper, decoder="zerocap", every=25)
"""For what labels mean: the paper's own decoder, which is slow."""


def subtraction_of(scene: Scene) -> list[float]:
    """Weight of the subtraction in each candidate, the mean over masked blocks; none for crops."""
    if not isinstance(scene.embedder, MaskedEmbedder) or not len(scene.segments):
        return []
    unions = [(label,) for label in range(len(scene.segments))]
    weights: list[float] = scene.embedder.subtraction(unions).mean(dim=1).tolist()
    return [round(weight, 4) for weight in weights]


class ZeroGuidanceWorker(BundledMethod[ZeroGuidance]):
    """Zero-guidance on held-out Miniworld."""

    @cached_property
    def dataset(self) -> MiniworldRegions:
        """Held-out scenes, of which every pixel has a class."""
        return MiniworldRegions(
            DrawnScenes(Miniworld("test", size=SIDE, seed=SEED), self.scenes), name="miniworld"
        )

    def configured(self, row: Row) -> ZeroGuidance:
        """The method as a row asks for it, with the same weights."""
        choice = {"decoder": row.decoder} if row.decoder else {}
        return self.load(**choice).configured(**row.options)

    def run(self, task: RowTask[Row]) -> list[Record]:
        """A record for each row of a task."""
        sample = self.dataset[task.scene]
        image = read_image(sample.image)
        candidates = find_segments(image, self._base.dino, self._base.config)
        records = []
        for row in task.rows:
            method = self.configured(row)
            scene = encode_scene(
                image, lambda _: candidates, method.clip, method.config, Stopwatch()
            )
            record = score_scene(method, scene, sample, self.dataset)
            records.append({**record, "subtraction": subtraction_of(scene)})
        return records

    @property
    def _base(self) -> ZeroGuidance:
        return self.load()
