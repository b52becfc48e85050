"""A small ConvNeXt learns to see what the bundled text tower already says.

The text tower of the bundled proposal pair stays as it is, and with it the space of names; the
image tower begins with nothing. It learns the words of things from close-ups, then the names of all
regions of scenes. Published towers learn from sentences about whole pictures; that takes some
hundred times as many as a processor sees in half an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.clip import BpeTokenizer, ClipNetwork
from lexiseg.models.conv_clip import ConvClipConfig, ConvClipNetwork, ConvNextConfig, ConvNextTower
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.augment import mirror, normalize, recolor
from lexiseg.training.mini.clip.losses import shared_softmax_loss
from lexiseg.training.mini.clip.texts import NameTable
from lexiseg.training.mini.fc_clip.pictures import Pictures, SegmentTruth
from lexiseg.training.mini.pool import Pool

SIZES = ConvNextConfig((32, 64, 128, 256), (2, 2, 6, 2), embed_dim=192, hidden=256, image_size=224)
FIRST_GAMMA = 1.0  # published trainings begin with 1e-6, and last a thousand times longer
WHOLE = 0.3  # weight of the whole picture beside its regions


@dataclass(frozen=True)
class ConvNextTraining(TrainingConfig):
    """Settings of the small ConvNeXt's training.

    First words: close-ups. Then regions of scenes at native size, where they cover cells.
    """

    batch: int = 10
    rate: float = 2e-3
    vision: ConvNextConfig = SIZES
    scenes: int = 20_000  # different ones; they come again
    first_share: float = 0.35  # of the budget, end of the close-ups
    first_size: int = 64  # pixels per side of close-ups
    first_batch: int = 64  # close-ups per step and process


class ConvNextLearner(Learner):
    """The small ConvNeXt in training.

    Args:
        config: sizes and settings.
        close_ups: pictures of one thing each.
        tokenizer: of the teacher.
        teacher: a trained pair, whose text tower is taken over.
        device, group: as of `Learner`.
        validation: function of the learner giving measures for the curve.
    """

    config: ConvNextTraining
    label = "training convnext"

    def __init__(
        self,
        config: ConvNextTraining,
        close_ups: Pool,
        tokenizer: BpeTokenizer,
        teacher: ClipNetwork,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Callable[[ConvNextLearner], dict[str, float]] | None = None,
    ) -> None:
        super().__init__(config, config.scenes, device, group)
        self.close_ups, self.tokenizer, self.validation = close_ups, tokenizer, validation
        self.network = begin_network(config.vision, teacher).to(self.device)
        self.table = NameTable(tokenizer, close_ups.names)
        self.parameters = list(self.tower.parameters())
        self.optimizer = muon_and_adamw(self.tower, "blocks")

    @property
    def tower(self) -> ConvNextTower:
        """The image tower."""
        assert isinstance(self.network.visual, ConvNextTower)
        return self.network.visual

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {"network": self.network, "optimizer": self.optimizer}

    def measure(self) -> dict[str, float]:
        """A quick look at held-out scenes."""
        return self.validation(self) if self.validation else {}

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        config, generator = self.config, self.generator()
        names = self._names(self.table.draw(generator))
        if progress < config.first_share:
            parts = self._close_ups(names, generator)
        else:
            parts = self._scenes(names, generator)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        self.group.average(parameter.grad for parameter in self.parameters)
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    @torch.no_grad()
    def _names(self, templates: Tensor) -> Tensor:
        """(W, E) unit features of all names, times the temperature."""
        features = self.network.text(self.table.pick(templates).to(self.device)).float()
        return F.normalize(features, dim=-1) * self.network.logit_scale.exp()

    def _close_ups(self, names: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Which of all things does a picture show?"""
        pool, count = self.close_ups, self.config.first_batch
        rows = torch.randint(len(pool.images), (count,), generator=generator)
        images = torch.from_numpy(pool.images[rows.numpy()]).to(self.device)
        labels = torch.from_numpy(pool.present[rows.numpy()].argmax(axis=1)).to(self.device)
        pixels = recolor(mirror(images, self.config.first_size, generator), generator, 0.5)
        with self.autocast():
            seen = self.tower(normalize(pixels))
        logits = F.normalize(seen.float(), dim=-1) @ names[: pool.thing_count].T
        return {"close-ups": F.cross_entropy(logits, labels)}

    def _scenes(self, names: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """What is every region, and what is in the picture?"""
        config = self.config
        first = config.batch * (self.step * self.group.size + self.group.rank)
        pictures = Pictures(config.vision.image_size, config.seed, scenes=config.scenes)
        pixels, truths = pictures.draw(first, config.batch, generator)
        pixels = recolor(pixels, generator).to(self.device)
        known = [truth.to(self.device) for truth in truths]
        with self.autocast():
            dense = self.tower.levels(normalize(pixels))[-1]
            pooled = [*pool_regions(dense.float(), known), dense.float().mean(dim=(2, 3))]
            seen = F.normalize(self.tower.embed(torch.cat(pooled)).float(), dim=-1)
        logits, places = seen @ names.T, len(seen) - len(known)
        regions, wholes = logits[:places], logits[places:]
        present = torch.zeros_like(wholes, dtype=torch.bool)
        for row, truth in enumerate(known):
            present[row, truth.labels] = True
        labels = torch.cat([truth.labels for truth in known])
        whole = shared_softmax_loss(wholes, present, torch.ones_like(present))
        return {"regions": F.cross_entropy(regions, labels), "whole": WHOLE * whole}


def pool_regions(dense: Tensor, truths: Sequence[SegmentTruth]) -> list[Tensor]:
    """Means (G, C) of features over the segments of every picture.

    A cell counts by the area that a segment covers of it, so that no segment is too small.

    Args:
        dense: (B, C, h, w).
        truths: of the B pictures.
    """
    pooled = []
    for features, truth in zip(dense, truths, strict=True):
        cells = F.interpolate(truth.masks[:, None], features.shape[1:], mode="area").flatten(1)
        weights = cells / cells.sum(dim=1, keepdim=True).clamp_min(1e-6)
        pooled.append(weights @ features.flatten(1).T)
    return pooled


def begin_network(vision: ConvNextConfig, teacher: ClipNetwork) -> ConvClipNetwork:
    """A network with a new image tower, and text tower and temperature of a trained pair."""
    network = ConvClipNetwork(ConvClipConfig(vision, teacher.text.config))
    network.text.load_state_dict(teacher.text.state_dict())
    network.logit_scale.data.copy_(teacher.logit_scale.data)
    network.text.requires_grad_(False)
    network.logit_scale.requires_grad_(False)
    for name, parameter in network.visual.named_parameters():
        if name.endswith(".gamma"):
            nn.init.constant_(parameter, FIRST_GAMMA)
    return network
