"""The adapter in training: a step is a batch of pictures, and gradients come picture by picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from lexiseg.errors import ImageError, LexisegError
from lexiseg.models.device import choose_dtype
from lexiseg.models.openworldsam import Adapter, AdapterConfig
from lexiseg.training.engine.learner import Learner, Stateful
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.openworldsam.batches import Asked, Batches
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.examples import Examples
from lexiseg.training.openworldsam.features import Features
from lexiseg.training.openworldsam.networks import QueryAnswers, answer
from lexiseg.training.openworldsam.objective import (
    PictureLoss,
    masks_on,
    match_queries,
    picture_loss,
)
from lexiseg.training.openworldsam.validation import BestAdapter, Validation


class AdapterLearner(Learner):
    """An adapter between frozen networks.

    Args:
        config: settings.
        adapter: to train.
        features: of the frozen networks.
        examples: to learn from.
        group: processes that train together; each sees its own pictures of every step.
        validation: looks at held-out examples at every checkpoint.
    """

    config: AdapterTraining
    label = "training openworldsam"

    def __init__(
        self,
        config: AdapterTraining,
        adapter: Adapter,
        features: Features,
        examples: Examples,
        group: ProcessGroup = ALONE,
        validation: Validation | None = None,
    ) -> None:
        super().__init__(config, len(examples), features.networks.device, group)
        self.features, self.validation = features, validation
        self.batches = Batches(examples, config, group, warm=self._read_picture)
        self.adapter = adapter.to(self.device).requires_grad_(True).train()
        adapter.config = taught(adapter.config, config)
        self.dtype = training_dtype(config.precision, self.device)
        self.optimizer = torch.optim.AdamW(parameter_groups(adapter, config), lr=config.rate)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.scaler.scale(torch.zeros((), device=self.device))  # so that it begins with a scale
        self.best = BestAdapter()
        self._recent: list[dict[str, float]] = []

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {
            "adapter": self.adapter,
            "optimizer": self.optimizer,
            "scaler": self.scaler,
            "best": self.best,
        }

    def rate(self, progress: float) -> float:
        """Learning rate: after a warm-up, if any, constant but for drops to a tenth."""
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup))
        passed = sum(progress >= drop for drop in self.config.drops)
        return self.config.rate * warm * 0.1**passed

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses, the rate and the norm of the gradient."""
        batch, rate = self.batches.of_step(self.step), self.rate(progress)
        self.optimizer.zero_grad(set_to_none=False)
        with self._chance():
            losses = self.accumulate(batch)
        gradients = [self._gradient(parameter) for parameter in self.adapter.parameters()]
        self.group.average(gradients)
        norm = self._apply(rate)
        self.step += 1
        shown = {**losses, "rate": rate}
        if np.isfinite(norm):  # else the step was skipped and its gradient is scaled less from now
            shown["norm"] = norm
        self._recent.append(shown)
        return {name: float(f"{value:.4g}") for name, value in shown.items()}

    def accumulate(self, batch: Sequence[Asked]) -> dict[str, float]:
        """Add the gradient of a batch, one picture at a time.

        The loss is the mean over all texts of the batch, so each picture counts by its share of
        them; no more than one picture's activations are alive at once.

        Args:
            batch: of this process; the means are over those of all processes.
        """
        counts = torch.tensor([sum(a.meaning for a in batch), sum(len(a.texts) for a in batch)])
        means = counts.to(self.device, torch.float32)
        self.group.average([means])
        meaning, texts = means.clamp(min=1e-9).unbind()
        sums = torch.zeros(2, device=self.device)
        for asked in batch:
            try:
                loss = self.losses(asked)
            except ImageError as error:  # of a picture that was whole when its maps were kept
                self.batches.left_out[asked.example.id] = str(error)
                continue
            total = loss.mask / meaning + loss.presence / texts
            torch.autograd.backward(self.scaler.scale(total))
            sums += torch.stack([loss.mask.detach() / meaning, loss.presence.detach() / texts])
        mask, presence = sums.tolist()
        return {"loss": mask + presence, "mask": mask, "presence": presence}

    def losses(self, asked: Asked) -> PictureLoss:
        """The losses of one picture as sums over its texts."""
        answers = self.answers(asked)
        truth = [masks_on(masks, asked.example.size_hw, self.device) for masks in asked.masks]
        matches = match_queries(answers, truth, self.config)
        return picture_loss(answers, truth, matches, self.config)

    def answers(self, asked: Asked, fallback: bool = False) -> QueryAnswers:
        """What the adapter's queries draw for the texts asked about one picture."""
        vectors = self.features.vectors(asked.picture, asked.texts)
        embedding = self.features.embedding(asked.picture)
        with self.autocast():
            segmenter = self.features.networks.segmenter
            return answer(self.adapter, segmenter, embedding, vectors, fallback)

    def measure(self) -> dict[str, float]:
        """Means since the last checkpoint, and figures on held-out examples."""
        recent, self._recent = self._recent, []
        names = dict.fromkeys(name for row in recent for name in row)
        means = {name: fmean(row[name] for row in recent if name in row) for name in names}
        held_out = self.validation(self) if self.validation else {}
        return {name: float(f"{value:.5g}") for name, value in {**means, **held_out}.items()}

    def _read_picture(self, asked: Asked) -> None:
        """Read a picture ahead, unless what the networks make of it is kept already."""
        if self.features.needs_pixels(asked.picture):
            asked.picture.pixels()

    @contextmanager
    def _chance(self) -> Iterator[None]:
        """Dropout of this step, whatever came before; the program's own chance stays as it was."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self.generator().initial_seed() % 2**63)
            yield

    @staticmethod
    def _gradient(parameter: nn.Parameter) -> Tensor:
        """A parameter's gradient, zero where nothing was asked, so that all processes have one."""
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        return parameter.grad

    def _apply(self, rate: float) -> float:
        """Clip the gradient and let the optimizer step; returns the norm before clipping."""
        self.scaler.unscale_(self.optimizer)
        norm = float(nn.utils.clip_grad_norm_(self.adapter.parameters(), self.config.clip))
        if not self.scaler.is_enabled() and not np.isfinite(norm):
            raise LexisegError(
                f"The gradient of step {self.step} is no number; train with a lower rate or in "
                "precision float32, from the last checkpoint."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return norm


def taught(sizes: AdapterConfig, config: AdapterTraining) -> AdapterConfig:
    """An adapter's settings with the layout and the scope that it is going to learn."""
    layout, scope = config.layout or sizes.layout, config.scope or sizes.scope
    return replace(sizes, layout=layout, scope=scope)


def training_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Precision of the forward pass: "auto" is float32 on a processor, half of it elsewhere."""
    if precision != "auto":
        return choose_dtype(precision)
    if device.type != "cuda":
        return torch.float32
    native = choose_dtype("auto", device)
    return native if native == torch.bfloat16 else torch.float16


def parameter_groups(adapter: Adapter, config: AdapterTraining) -> list[dict[str, object]]:
    """Everything decays but the scales and offsets of LayerNorm, as released."""
    norms = {
        id(parameter)
        for module in adapter.modules()
        if isinstance(module, nn.LayerNorm)
        for parameter in module.parameters()
    }
    every = list(adapter.parameters())
    groups: list[dict[str, object]] = [
        {"params": [p for p in every if id(p) not in norms], "weight_decay": config.weight_decay},
        {"params": [p for p in every if id(p) in norms], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
