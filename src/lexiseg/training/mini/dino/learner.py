"""Training of the small DINO without labels: `python -m lexiseg.training.mini dino`."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from lexiseg.datasets.miniworld import WorldScene
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.dino.losses import (
    Centre,
    KeyHead,
    PictureHead,
    balanced,
    distillation,
    grouped,
)
from lexiseg.training.mini.dino.measure import (
    VALIDATION_SEED,
    held_out,
    key_features,
    measure_features,
)
from lexiseg.training.mini.dino.network import pick, read, resize_positions
from lexiseg.training.mini.dino.views import View, carry, draw_view
from lexiseg.training.mini.pool import Pool

NATIVE = 224  # pixels per side for which the shipped position table is made


@dataclass(frozen=True)
class DinoTraining(TrainingConfig):
    """Sizes and settings of the small DINO."""

    width: int = 192
    layers: int = 5
    heads: int = 3
    patch: int = 8
    global_size: int = 96  # pixels per side
    global_area: tuple[float, float] = (0.25, 0.8)  # share of the picture
    local_size: int = 48
    local_area: tuple[float, float] = (0.05, 0.2)
    locals: int = 3  # local views per picture
    kept: float = 0.4  # share of a global view's patches that the student sees
    picture_prototypes: int = 512
    key_prototypes: int = 256
    key_weight: float = 1.0  # of the loss on keys beside that on pictures
    momentum: tuple[float, float] = (0.98, 0.998)  # of the teacher, at first and at last
    batch: int = 32
    checkpoint_every: int = 100
    held_out_scenes: int = 16

    def vit(self, size: int) -> ViTConfig:
        """Configuration for pictures of one size."""
        return ViTConfig(
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.width,
            layer_norm_eps=1e-6,
            image_size=size,
            patch_size=self.patch,
        )


class Distiller(nn.Module):
    """A backbone with the two heads that only training needs."""

    def __init__(self, config: DinoTraining) -> None:
        super().__init__()
        self.backbone = ViTModel(config.vit(config.global_size), add_pooling_layer=False)
        self.backbone.set_attn_implementation("eager")  # faster for so few patches
        width = config.width
        self.picture_head = PictureHead(width, 2 * width, 64, config.picture_prototypes)
        self.key_head = KeyHead(width, config.key_prototypes)

    def forward(self, pixels: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (B, K) of pictures, scores (B, N, K') of keys, and the keys (B, N, D)."""
        seen = read(self.backbone, pixels, kept)
        return self.picture_head(seen.cls), self.key_head(seen.keys), seen.keys


class DinoLearner(Learner):
    """Student and teacher in training; neither names nor masks are ever read.

    Args:
        config: sizes and settings.
        pool: drawn scenes, of which only the pictures are used.
        device, group: as of `Learner`.
    """

    config: DinoTraining
    label = "training DINO"

    def __init__(
        self,
        config: DinoTraining,
        pool: Pool,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.images = pool.images
        self.student = Distiller(config).to(self.device).train()
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.centre = Centre(config.picture_prototypes).to(self.device)
        self.optimizer = muon_and_adamw(self.student, "layers.")

    def inherit(self, backbone: ViTModel) -> None:
        """Begin with a trained backbone, whose position table is resized."""
        state = backbone.state_dict()
        key = "embeddings.position_embeddings"
        state[key] = resize_positions(state[key], self.grid)
        self.student.backbone.load_state_dict(state)
        self.teacher.backbone.load_state_dict(state)

    @property
    def grid(self) -> int:
        """Patches per side of a global view."""
        return self.config.global_size // self.config.patch

    def advance(self, progress: float) -> dict[str, float]:
        """One step: the teacher judges two global views, the student all views."""
        generator = self.generator()
        wide, narrow = self._views(generator)
        kept = [self._draw_kept(generator) for _ in wide]
        with self.autocast(), torch.no_grad():
            targets = [self._teacher_target(view) for view in wide]
        with self.autocast():
            parts = self._losses([*wide, *narrow], [*kept, *(None for _ in narrow)], targets)
        torch.autograd.backward(parts["picture"] + self.config.key_weight * parts["keys"])
        self.group.average(parameter.grad for parameter in self.student.parameters())
        self.optimizer.step(self.rate(progress))
        self._update_teacher(progress)
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Fit of the teacher's clusters to a few held-out scenes."""
        return measure_features(key_features(self.teacher.backbone), self._held_out)

    def parts(self) -> dict[str, Stateful]:
        """Student, teacher, the teacher's centre and the optimizer."""
        return {
            "student": self.student,
            "teacher": self.teacher,
            "centre": self.centre,
            "optimizer": self.optimizer,
        }

    def network(self) -> ViTModel:
        """The teacher's backbone with a position table for native pictures."""
        config = self.config
        shipped = ViTModel(config.vit(NATIVE), add_pooling_layer=False)
        state = self.teacher.backbone.state_dict()
        key = "embeddings.position_embeddings"
        state[key] = resize_positions(state[key], NATIVE // config.patch)
        shipped.load_state_dict(state)
        return shipped

    @cached_property
    def _held_out(self) -> list[WorldScene]:
        return held_out("val", self.config.held_out_scenes, VALIDATION_SEED)

    def _views(self, generator: torch.Generator) -> tuple[list[View], list[View]]:
        """Two global and several local views of each picture of a random batch."""
        config = self.config
        rows = torch.randint(len(self.images), (config.batch,), generator=generator).tolist()
        pictures = torch.from_numpy(np.stack([self.images[row] for row in rows]))
        fine = pictures.to(self.device).permute(0, 3, 1, 2).float() / 255
        coarse = F.avg_pool2d(fine, 2)  # large windows are shrunk: no aliasing
        wide = [
            draw_view(coarse, config.global_size, config.global_area, generator) for _ in range(2)
        ]
        narrow = [
            draw_view(fine, config.local_size, config.local_area, generator)
            for _ in range(config.locals)
        ]
        return wide, narrow

    def _teacher_target(self, view: View) -> TeacherTarget:
        picture, scores, keys = self.teacher(view.pixels)
        target = self.centre.sharpen(picture)
        self.centre.update(picture, self.group)
        flat = balanced(scores.flatten(0, 1)).view_as(scores)
        local = grouped(flat, keys).view(len(keys), self.grid, self.grid, -1)
        return TeacherTarget(view, target, local)

    def _losses(
        self, views: list[View], kept: list[Tensor | None], targets: list[TeacherTarget]
    ) -> dict[str, Tensor]:
        """Losses on pictures and on keys, over all pairs of a student's and a teacher's view."""
        picture: list[Tensor] = []
        keys: list[Tensor] = []
        for view, patches in zip(views, kept, strict=True):
            said, scores, _ = self.student(view.pixels, patches)
            others = [target for target in targets if target.view is not view]
            picture += [distillation(target.picture, said).mean() for target in others]
            keys += [target.key_loss(view, scores, patches) for target in others]
        return {"picture": torch.stack(picture).mean(), "keys": torch.stack(keys).mean()}

    def _draw_kept(self, generator: torch.Generator) -> Tensor:
        """Which patches of a global view the student sees: (B, n) numbers."""
        total = self.grid**2
        order = torch.rand(self.config.batch, total, generator=generator).argsort(dim=1)
        return order[:, : round(self.config.kept * total)].to(self.device)

    @torch.no_grad()
    def _update_teacher(self, progress: float) -> None:
        """Move the teacher towards the student."""
        first, last = self.config.momentum
        momentum = first + (last - first) * progress
        for old, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            old.lerp_(new, 1 - momentum)


@dataclass(frozen=True)
class TeacherTarget:
    """What the teacher says about one view."""

    view: View
    picture: Tensor  # (B, K) distribution over the prototypes of pictures
    keys: Tensor  # (B, g, g, K') distributions over the prototypes of keys

    def key_loss(self, view: View, scores: Tensor, kept: Tensor | None) -> Tensor:
        """Distillation at the places that both views show.

        Args:
            view: the student's.
            scores: (B, n, K') of its patches.
            kept: (B, n) numbers of these patches; None if they are all.
        """
        side = round(view.pixels.shape[-1] / self.view.pixels.shape[-1] * self.keys.shape[1])
        target, shared = carry(self.keys, view.locate(self.view, side))
        target, shared = target.flatten(1, 2), shared.flatten(1, 2)
        if kept is not None:
            target, shared = pick(target, kept), shared.gather(1, kept)
        losses = distillation(target, scores) * shared
        return losses.sum() / shared.sum().clamp(min=1)
