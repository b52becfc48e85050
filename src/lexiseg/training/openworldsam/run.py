"""One training of an adapter in a folder, from its beginning or its last checkpoint to the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from statistics import fmean

from lexiseg.config import flatten, to_dict
from lexiseg.errors import UsageError
from lexiseg.io.folder_lock import FolderLock
from lexiseg.io.output_file import json_text, write_text
from lexiseg.models.openworldsam import Adapter, save_adapter
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import Budget, begin, train
from lexiseg.training.openworldsam.card import write_card
from lexiseg.training.openworldsam.config import AdapterTraining, Schedule
from lexiseg.training.openworldsam.curve import Board, draw_curve, read_curve
from lexiseg.training.openworldsam.examples import Examples
from lexiseg.training.openworldsam.features import FeatureCaching, Features
from lexiseg.training.openworldsam.learner import AdapterLearner
from lexiseg.training.openworldsam.networks import FrozenNetworks
from lexiseg.training.openworldsam.validation import Validation

SETTINGS, LEFT_OUT = "settings.json", "left_out.txt"


@dataclass(frozen=True)
class AdapterRun:
    """A training and its folder.

    Once a run has ended its folder holds the best adapter (``model.safetensors`` with
    ``config.json``), so that it can be given wherever an adapter is asked for; beside it the
    checkpoint, the curve, a model card, and what was left out of the data.

    Attributes:
        folder: made if absent.
        networks: SAM 2 and the encoder of pictures with texts.
        adapter: where to start.
        examples: to learn from.
        config: settings.
        schedule: how long.
        validation: held-out examples; without them the last adapter is kept.
        caching: what is kept of the frozen networks' work.
        resume: go on from the checkpoint in the folder.
        quiet: no progress bar.
        group: processes that train together.
        data: what the model card says of the data; a run is not continued with other data.
        complaints: sentences about records that were left out before.

    Example:
        >>> examples, _ = open_examples(DataChoice(Path("my_coco.json")))  # doctest: +SKIP
        >>> networks = FrozenNetworks(load_sam2("sam2-large"), beit3)      # doctest: +SKIP
        >>> adapter, _ = load_adapter("adapter.safetensors")               # doctest: +SKIP
        >>> run = AdapterRun(Path("run"), networks, adapter, examples)     # doctest: +SKIP
        >>> run.run()                                                      # doctest: +SKIP
    """

    folder: Path
    networks: FrozenNetworks
    adapter: Adapter
    examples: Examples
    config: AdapterTraining = field(default_factory=AdapterTraining)
    schedule: Schedule = field(default_factory=lambda: Schedule(epochs=25))
    validation: Validation | None = None
    caching: FeatureCaching | None = None
    resume: bool = False
    quiet: bool = False
    group: ProcessGroup = ALONE
    data: Mapping[str, object] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()

    def run(self) -> AdapterLearner:
        """Train to the end of the schedule; the best adapter lies in the folder then.

        Raises:
            UsageError: the folder holds another run, or one that was begun under other terms; or
                the adapter does not fit between the networks.
            OutputError: another process trains in the folder.
        """
        self._check_widths()
        lock = FolderLock(self.folder) if self.group.is_main else None
        try:
            learner = self.begin()
            train(learner, self.budget(), self.folder, quiet=self.quiet)
            if self.group.is_main:
                self._finish(learner)
        finally:
            if lock is not None:
                lock.release()
        return learner

    def begin(self) -> KeepingLearner:
        """The learner as it starts, or as its last checkpoint left it; the folder is ready.

        Raises:
            UsageError: as `run`.
        """
        self._check_terms()
        features = Features(self.networks, self.caching)
        learner = KeepingLearner(
            self.config, self.adapter, features, self.examples, self.group, self.validation
        )
        begin(learner, self.folder, self.resume)
        learner.keep_in(self.folder)
        if self.group.is_main:
            write_text(self.folder / SETTINGS, json_text(self._terms(), indent=2) + "\n")
        return learner

    def budget(self) -> Budget:
        """The schedule in steps, or in minutes."""
        schedule = self.schedule
        if schedule.steps is not None:
            return Budget(steps=schedule.steps)
        if schedule.minutes is not None:
            return Budget(minutes=schedule.minutes)
        together = self.config.batch * self.group.size
        return Budget(steps=ceil((schedule.epochs or 1) * len(self.examples) / together))

    def _terms(self) -> dict[str, object]:
        """What a run must have in common with the one it continues."""
        return {
            "config": to_dict(self.config),
            "adapter": asdict(self.adapter.config),
            "networks": self.networks.fingerprints(),
            "data": {"pictures": len(self.examples), **self.data},
            "processes": self.group.size,
        }

    def _check_widths(self) -> None:
        """Refuse an adapter that does not fit between the networks."""
        sizes, networks = self.adapter.config, self.networks
        wanted = (networks.pairs.width, networks.width)
        if (sizes.encoder_width, sizes.width) != wanted:
            raise UsageError(
                f"The adapter takes vectors of {sizes.encoder_width} numbers and makes tokens of "
                f"{sizes.width}, but {networks.pairs.name} gives {wanted[0]} and "
                f"{networks.segmenter.name} takes {wanted[1]}; begin a new one or give the "
                "networks that it was trained with."
            )

    def _check_terms(self) -> None:
        file = self.folder / SETTINGS
        if not (self.resume and file.is_file()):
            return
        had = flatten(json.loads(file.read_text(encoding="utf-8")))
        now = flatten(self._terms())
        other = [key for key in sorted(had.keys() & now.keys()) if had[key] != now[key]]
        if other:
            raise UsageError(
                f"{self.folder} was begun with {other[0]} {had[other[0]]}, not {now[other[0]]}; "
                "continue it with the same settings or choose another folder."
            )

    def _finish(self, learner: KeepingLearner) -> None:
        left_out = [*self.complaints, *learner.batches.left_out.values()]
        if left_out:
            write_text(self.folder / LEFT_OUT, "".join(f"{line}\n" for line in left_out))
        write_record(
            learner,
            self.folder,
            **self._terms(),
            best=learner.best.state_dict(),
            left_out=len(left_out),
            parameters=sum(p.numel() for p in self.adapter.parameters()),
        )
        write_card(self.folder)


class KeepingLearner(AdapterLearner):
    """Keeps the best adapter so far and the curve in a folder."""

    def keep_in(self, folder: Path) -> None:
        """Choose the folder, once the step at which training starts is known."""
        self._folder = folder
        self._board = Board(folder, self.step) if self.group.is_main else None

    def measure(self) -> dict[str, float]:
        """See `AdapterLearner.measure`; the best adapter is kept."""
        figures = super().measure()
        held_out = [value for name, value in figures.items() if name.startswith("val_")]
        figure = fmean(held_out) if held_out else float(self.step)
        if self.best.is_better(figure, self.step):
            save_adapter(self.adapter, self._folder)
        return figures

    def logged(self, folder: Path) -> None:
        """Write the curve for people."""
        draw_curve(folder)
        if self._board is not None:
            self._board.add(read_curve(folder)[-1])
