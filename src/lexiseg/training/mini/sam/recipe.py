"""Training of the small SAM on Miniworld: `python -m lexiseg.training.mini sam`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from transformers.models.sam import SamModel

from lexiseg.models.bundled import bundled_folder
from lexiseg.models.device import choose_device
from lexiseg.models.sam.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.engine.record import write_record
from lexiseg.training.engine.session import CHECKPOINT, Budget, begin, train, train_and_export
from lexiseg.training.mini.augment import recolor
from lexiseg.training.mini.sam.loss import decoder_losses
from lexiseg.training.mini.sam.network import (
    SIDE,
    PromptedSam,
    build_sam,
    normalize,
    read_sam,
    sam_config,
)
from lexiseg.training.mini.sam.pool import SamPool, SamPoolConfig, open_sam_pool
from lexiseg.training.mini.sam.prompts import draw_corner, draw_prompts
from lexiseg.training.mini.sam.start import EncoderLearner
from lexiseg.training.mini.sam.validation import Validation
from lexiseg.training.mini.shipping import bundled_sessions, write_half, write_preprocessor


@dataclass(frozen=True)
class SamTraining(TrainingConfig):
    """Settings of the small SAM's training."""

    batch: int = 8
    rate: float = 2e-3
    warmup: int = 50
    checkpoint_every: int = 100
    clicks: int = 12  # per picture
    boxes: int = 4  # per picture
    only_scores: bool = False  # masks stay as they are


class SamLearner(Learner):
    """The small SAM in training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
        network: to train; None for a new one.
        device: where to train.
        group: processes that train together; each draws its own scenes.
        validation: looks at held-out scenes for the curve.
    """

    config: SamTraining
    label = "training sam"

    def __init__(
        self,
        config: SamTraining,
        pool: SamPool,
        network: SamModel | None = None,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Validation | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool, self.validation = pool, validation
        self.model = build_sam(sam_config()) if network is None else network
        self.model.train().to(self.device)
        self.sam = PromptedSam(self.model)
        if config.only_scores:
            self.model.requires_grad_(False)
            self.model.mask_decoder.iou_prediction_head.requires_grad_(True)
        self.optimizer = muon_and_adamw(self.model, "layers.")

    def network(self) -> nn.Module:
        """What is shipped."""
        network: nn.Module = self.model
        return network

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
        corner = draw_corner(generator)
        asked = draw_prompts(labels, config.clicks, config.boxes, self.sam.cells, generator, corner)
        points, boxes = asked.points.to(self.device), asked.boxes.to(self.device)
        logits, scores = self.sam.answer(pixels, points, boxes, self.autocast(), corner)
        losses = decoder_losses(
            logits.flatten(0, 1).flatten(2),
            scores.flatten(0, 1),
            asked.truth.flatten(0, 1).flatten(2).to(self.device),
            asked.valid.flatten(0, 1).to(self.device),
            asked.drawn.flatten().to(self.device),
        )
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        self.group.average(parameter.grad for parameter in self.model.parameters())
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in losses.items()}


@dataclass(frozen=True)
class SamRecipe:
    """One run of `sam`."""

    folder: Path
    budget: Budget
    pool: SamPoolConfig = field(default_factory=SamPoolConfig)
    training: SamTraining = field(default_factory=SamTraining)
    resume: bool = False
    bundled: bool = False  # begin with the weights of the package
    teacher: Path | None = None  # begin with what another small SAM knows
    head_start: float = 4.0  # minutes for that
    device: str = "auto"

    def run(self) -> None:
        """Draw scenes, train, and write the weights."""
        group = ProcessGroup.join()
        with group.main_first():
            pool = open_sam_pool(self.folder / "pool", self.pool)
        place = self.folder / "sam"
        learner = self._learner(pool, group)
        train_and_export(learner, self.budget, place, self.resume, export)

    def _learner(self, pool: SamPool, group: ProcessGroup) -> SamLearner:
        device, validation = choose_device(self.device), Validation()
        network, sessions = self._beginning(pool, group, device)
        learner = SamLearner(self.training, pool, network, device, group, validation)
        learner.sessions = [*sessions, *learner.sessions]
        return learner

    def _beginning(
        self, pool: SamPool, group: ProcessGroup, device: torch.device
    ) -> tuple[SamModel | None, list[dict[str, object]]]:
        """The network to train further, None for a new one, and how it was made."""
        if self.bundled:
            return read_sam(bundled_folder("mini-sam")), bundled_sessions("mini-sam")
        if self.teacher is None or (self.folder / "sam" / CHECKPOINT).is_file():
            return None, []
        pupil = EncoderLearner(self.training, pool, self.teacher, device, group)
        place = self.folder / "encoder"
        begin(pupil, place, self.resume)
        train(pupil, Budget(minutes=self.head_start), place)
        return pupil.model, pupil.sessions


def export(learner: SamLearner, folder: Path) -> None:
    """Write the network in Hugging Face's format, half precision, with a record of its making."""
    folder.mkdir(parents=True, exist_ok=True)
    network = SamModel(learner.model.config)
    network.load_state_dict(learner.model.state_dict())
    write_half(network, folder)
    frame = {
        "image_processor_type": "SamImageProcessor",
        "size": {"longest_edge": SIDE},
        "pad_size": {"height": SIDE, "width": SIDE},
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    }
    write_preprocessor(folder, frame)
    write_record(learner, folder, clicks=learner.config.clicks, boxes=learner.config.boxes)
