"""Training of the small adapter on Miniworld: `python -m lexiseg.training.mini openworldsam`.

Nothing here trains: scenes are written in COCO's and REFER's layouts and given to
`lexiseg.training.openworldsam`, as anybody's pictures are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from lexiseg.datasets.miniworld import Miniworld
from lexiseg.datasets.miniworld.export import write_miniworld
from lexiseg.io.output_file import json_text, write_text
from lexiseg.models.beit3 import Beit3
from lexiseg.models.bundled import bundled_or_given
from lexiseg.models.openworldsam import (
    Adapter,
    AdapterConfig,
    load_adapter,
    load_sam2,
    save_adapter,
)
from lexiseg.training.engine.process_group import ProcessGroup
from lexiseg.training.engine.record import RECORD
from lexiseg.training.openworldsam.config import AdapterTraining, Schedule
from lexiseg.training.openworldsam.curve import read_curve
from lexiseg.training.openworldsam.examples import FileExamples, JoinedExamples
from lexiseg.training.openworldsam.features import FeatureCaching
from lexiseg.training.openworldsam.networks import FrozenNetworks
from lexiseg.training.openworldsam.open_data import DataChoice, open_examples
from lexiseg.training.openworldsam.run import AdapterRun
from lexiseg.training.openworldsam.validation import Validation

SIDE = 224  # pixels of the scenes
THINGS = (1, 6)  # per scene
NEIGHBORS = 0.2  # share of things beside another one of their noun
TIE_BREAKERS = 4  # more things of one noun are rare in Miniworld
HEADS = 8
# Far above the published ones: some hundred steps instead of some hundred thousand.
RATE, CLIP = 1e-3, 0.1
ABSENT = 1.0  # absent names for each present one
# At 1, the held-out IoU of matched queries was .26 after 600 steps; without absent names, .44.
PRESENCE = 0.3


def mini_training(seed: int, negatives: bool) -> AdapterTraining:
    """Settings of the small adapter.

    Every prompt is alone: no name changes another's answer, and it costs less.

    Args:
        seed: of the adapter's beginning, the order of the pictures and what is asked.
        negatives: ask absent names as well, whose object score is to be low; the paper asks
            present ones only.
    """
    return AdapterTraining(
        seed=seed,
        batch=3,
        rate=RATE,
        warmup=20,
        drops=(0.7, 0.9),
        clip=CLIP,
        prompts=3,
        negatives=ABSENT if negatives else 0.0,
        dice_weight=1.0,
        presence_weight=PRESENCE if negatives else 0.0,
        unmatched_weight=0.2 if negatives else 0.0,
        scope="each",
        precision="bfloat16",
        checkpoint_every=100,
    )


@dataclass(frozen=True)
class AdapterRecipe:
    """One run of `openworldsam`.

    Attributes:
        folder: for scenes, features and both kinds of runs.
        beit3: bundled name or folder.
        schedule: how long.
        scenes: how many to draw.
        held_out: scenes of the val split that are looked at on the way.
        seed: of scenes and chance.
        negatives: see `mini_training`.
        sam2: bundled name or folder.
        start: folder of an adapter to begin with; None for a new one.
        resume: continue from the last checkpoint.
        device: where to train.
    """

    folder: Path
    beit3: str
    schedule: Schedule
    scenes: int = 1000
    held_out: int = 60
    seed: int = 0
    negatives: bool = True
    sam2: str = "mini-sam2"
    start: Path | None = None
    resume: bool = False
    device: str = "auto"

    @property
    def place(self) -> Path:
        """Folder of the run."""
        return self.folder / ("negatives" if self.negatives else "present")

    def run(self) -> None:
        """Draw scenes, train, and write the best adapter for the package below `place`."""
        group = ProcessGroup.join()
        data = self.folder / "data"
        with group.main_first():
            self._draw(data, "val", self.held_out)
            self._draw(data, "train", self.scenes)
        networks = FrozenNetworks(
            load_sam2(bundled_or_given(self.sam2), self.device),
            Beit3.load(bundled_or_given(self.beit3), self.device),
        )
        config = mini_training(self.seed, self.negatives)
        AdapterRun(
            self.place,
            networks,
            self._first(networks),
            JoinedExamples(self._open(data / "train", "train")),
            config,
            self.schedule,
            Validation(JoinedExamples(self._open(data / "val", "val")), most=40),
            FeatureCaching(self.folder / "features", maps="disk", half=True),
            self.resume,
            group=group,
            data={"scenes": self.scenes, "seed": self.seed, **self._steps_before()},
        ).run()
        if group.is_main:
            export(self.place, self.place / "weights")

    def _first(self, networks: FrozenNetworks) -> Adapter:
        if self.start is None:
            return new_adapter(networks, self.seed)
        return load_adapter(self.start, networks.device)[0]

    def _steps_before(self) -> dict[str, int]:
        """How long what this run begins with had learned."""
        return (
            {} if self.start is None else {"steps_before": int(read_curve(self.start)[-1]["step"])}
        )

    def _draw(self, data: Path, split: str, count: int) -> None:
        world = Miniworld(split, SIDE, self.seed, THINGS, neighbors=NEIGHBORS)
        write_miniworld(data / split, count, world)

    def _open(self, folder: Path, split: str) -> tuple[FileExamples, ...]:
        """All names of the scenes, and sentences about their things."""
        named, _ = open_examples(DataChoice(folder, "panoptic", split))
        meant, _ = open_examples(
            DataChoice(folder / "miniworld", "referring", split, folder / "JPEGImages")
        )
        return named, meant


def export(run: Path, folder: Path) -> None:
    """Write the best adapter of a run in half precision, with the record of its making.

    Of the frozen networks the record keeps the sums, not where they lay.
    """
    adapter, _ = load_adapter(run)
    save_adapter(adapter, folder, torch.float16)
    record = json.loads((run / RECORD).read_text(encoding="utf-8"))
    record["networks"] = {part: text.split()[-1] for part, text in record["networks"].items()}
    write_text(folder / RECORD, json_text(record, indent=2) + "\n")


def new_adapter(networks: FrozenNetworks, seed: int) -> Adapter:
    """An adapter between the small networks, not trained yet."""
    width = len(networks.segmenter.prompts.no_mask)
    sizes = AdapterConfig(
        encoder_width=networks.pairs.width,
        width=width,
        tie_breakers=TIE_BREAKERS,
        heads=HEADS,
        hidden=4 * width,
        dropout=0.0,
        layout="one_token",
        scope="each",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Adapter(sizes)
