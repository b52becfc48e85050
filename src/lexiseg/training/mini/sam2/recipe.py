"""Training of the small SAM 2 on Miniworld: `python -m lexiseg.training.mini sam2`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from transformers.models.sam2 import Sam2Model

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.device import choose_device
from lexiseg.models.sam.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import CHECKPOINT, Budget, begin, train, train_and_export
from lexiseg.training.mini.augment import recolor
from lexiseg.training.mini.sam.network import normalize
from lexiseg.training.mini.sam.pool import SamPool, SamPoolConfig, open_sam_pool
from lexiseg.training.mini.sam.prompts import draw_prompts
from lexiseg.training.mini.sam.validation import Validation
from lexiseg.training.mini.sam2.loss import mask_losses, object_loss
from lexiseg.training.mini.sam2.network import (
    SIDE,
    PromptedSam2,
    build_sam2,
    clicks,
    corners,
    read_sam2,
    sam2_config,
)
from lexiseg.training.mini.sam2.nothing import draw_nothing
from lexiseg.training.mini.sam2.start import Pupil, whole_optimizer
from lexiseg.training.mini.shipping import bundled_sessions, write_half, write_preprocessor


@dataclass(frozen=True)
class Sam2Training(TrainingConfig):
    """Settings of the small SAM 2's training."""

    batch: int = 4
    rate: float = 2e-3
    warmup: int = 30
    checkpoint_every: int = 100
    clicks: int = 8  # per picture
    boxes: int = 4  # per picture
    refined: int = 2  # boxes per picture whose masks are given back as prompts
    held: float = 0.8  # share of the budget in which Hiera's first two stages stay as they are


class Sam2Learner(Learner):
    """The small SAM 2 in training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
        network: to train; None for a new one.
        device: where to train.
        group: processes that train together; each draws its own scenes.
        validation: looks at held-out scenes for the curve.
    """

    config: Sam2Training
    label = "training sam2"

    def __init__(
        self,
        config: Sam2Training,
        pool: SamPool,
        network: Sam2Model | None = None,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Validation | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool, self.validation = pool, validation
        self.model = build_sam2(sam2_config()) if network is None else network
        nn.Module.to(self.model.train(), self.device)
        self.sam = PromptedSam2(self.model)
        self.optimizer = whole_optimizer(self.model)

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {"network": self.model, "optimizer": self.optimizer}

    def measure(self) -> dict[str, float]:
        """A quick look at held-out scenes."""
        return self.validation(self.sam, self.autocast()) if self.validation else {}

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        config, generator = self.config, self.generator()
        pixels, labels = self.pool.draw(config.batch, generator)
        pixels = normalize(recolor(pixels.to(self.device), generator))
        asked = draw_prompts(labels, config.clicks, config.boxes, self.sam.cells, generator)
        empty = draw_nothing(config.batch, generator)
        with self.autocast():
            pictures = self.sam.prepare(self.sam.maps(pixels, held=progress < config.held))
            clicked = self.sam.ask(pictures, *clicks(asked.points))
            boxed = self.sam.ask(pictures, *corners(asked.boxes))
            nothing = self.sam.ask(pictures, *empty)
            drawn = boxed.logits[:, : config.refined, 0].detach()
            refined = self.sam.refine(pictures, drawn)
        first, second = config.clicks, config.clicks + config.refined
        parts = (
            (clicked, slice(first)), (boxed, slice(first, None)), (refined, slice(first, second)),
        )  # fmt: skip
        every = [mask_losses(answers, asked, prompts) for answers, prompts in parts]
        losses = {name: torch.stack([part[name] for part in every]).mean() for name in every[0]}
        there = torch.cat([answers.objects for answers, _ in parts], dim=1)
        losses["object"] = object_loss(there, nothing.objects)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.group.average(parameter.grad for parameter in self.model.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in losses.items()}


@dataclass(frozen=True)
class Sam2Recipe:
    """One run of `sam2`."""

    folder: Path
    budget: Budget
    pool: SamPoolConfig = field(default_factory=SamPoolConfig)
    training: Sam2Training = field(default_factory=Sam2Training)
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    head_start: int = 150  # steps as a pupil of the small SAM
    device: str = "auto"

    def run(self) -> None:
        """Draw scenes, train, and write the weights."""
        group = ProcessGroup.join()
        with group.main_first():
            pool = open_sam_pool(self.folder / "pool", self.pool)
        place = self.folder / "sam2"
        learner = self._learner(pool, group)
        train_and_export(learner, self.budget, place, self.resume, export)

    def _learner(self, pool: SamPool, group: ProcessGroup) -> Sam2Learner:
        device = choose_device(self.device)
        network, sessions = self._beginning(pool, group, device)
        learner = Sam2Learner(self.training, pool, network, device, group, Validation())
        learner.sessions = [*sessions, *learner.sessions]
        return learner

    def _beginning(
        self, pool: SamPool, group: ProcessGroup, device: torch.device
    ) -> tuple[Sam2Model | None, list[dict[str, object]]]:
        """The network to train further, None for a new one, and how it was made."""
        if self.bundled:
            return read_sam2(bundled_folder("mini-sam2")), bundled_sessions("mini-sam2")
        if (self.folder / "sam2" / CHECKPOINT).is_file():
            return None, []
        pupil = Pupil(self.training, pool, bundled_folder("mini-sam"), device, group)
        place = self.folder / "encoder"
        begin(pupil, place, self.resume)
        train(pupil, Budget(steps=self.head_start), place)
        return pupil.model, pupil.sessions


def export(learner: Sam2Learner, folder: Path) -> None:
    """Write the network in Hugging Face's format, half precision, with a record of its making."""
    folder.mkdir(parents=True, exist_ok=True)
    network = Sam2Model(learner.model.config)
    network.load_state_dict(learner.model.state_dict())
    write_half(network, folder)
    frame = {
        "image_processor_type": "Sam2ImageProcessorFast",
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    }
    write_preprocessor(folder, frame)
    config = learner.config
    settings = ("clicks", "boxes", "refined", "held")
    write_record(learner, folder, **{name: getattr(config, name) for name in settings})
