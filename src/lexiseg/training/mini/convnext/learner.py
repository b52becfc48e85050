"""A small ConvNeXt learns to see what the bundled text tower already says.

The text tower of the bundled proposal pair stays as it is, and with it the space of names; the
image tower begins with nothing and learns from names and captions of whole pictures, never masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lexiseg.models.clip import BpeTokenizer, ClipNetwork
from lexiseg.models.conv_clip import ConvClipConfig, ConvClipNetwork, ConvNextConfig, ConvNextTower
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.augment import distort, mirror, normalize
from lexiseg.training.mini.clip.learner import draw_vocabulary
from lexiseg.training.mini.clip.objective import WEIGHTS, NameLabels, Objective
from lexiseg.training.mini.clip.texts import NameTable
from lexiseg.training.mini.clip.towers import Readings
from lexiseg.training.mini.pool import Pool

SIZES = ConvNextConfig((48, 96, 192, 384), (2, 2, 6, 2), embed_dim=192, hidden=384, image_size=224)
FIRST_GAMMA = 0.1  # published trainings begin with 1e-6, and last a thousand times longer


@dataclass(frozen=True)
class ConvNextTraining(TrainingConfig):
    """Settings of the small ConvNeXt's training.

    First words: pictures of one thing, mirrored only, asked for things only. Then all pictures,
    still small; at the end at native size.
    """

    batch: int = 32
    rate: float = 2e-3
    vision: ConvNextConfig = SIZES
    first_share: float = 0.25  # of the budget, end of the first words
    early_share: float = 0.7  # of the budget, end of the small pictures
    early_size: int = 128  # pixels per side until then


class ConvNextLearner(Learner):
    """The small ConvNeXt in training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
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
        pool: Pool,
        tokenizer: BpeTokenizer,
        teacher: ClipNetwork,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Callable[[ConvNextLearner], dict[str, float]] | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool, self.tokenizer, self.validation = pool, tokenizer, validation
        self.network = begin_network(config.vision, teacher).to(self.device)
        self.objective = Objective(WEIGHTS["proposal"]).to(self.device)
        self.table = NameTable(tokenizer, pool.names)
        things = torch.from_numpy(pool.present[:, : pool.thing_count]).sum(dim=1)
        self.everything, self.singles = torch.arange(len(things)), torch.nonzero(things == 1)[:, 0]
        learning = nn.ModuleList([self.network.visual, self.objective])
        self.parameters = list(learning.parameters())
        self.optimizer = muon_and_adamw(learning, "blocks")
        self.current_size = config.early_size

    @property
    def tower(self) -> ConvNextTower:
        """The image tower."""
        assert isinstance(self.network.visual, ConvNextTower)
        return self.network.visual

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {
            "network": self.network,
            "objective": self.objective,
            "optimizer": self.optimizer,
        }

    def measure(self) -> dict[str, float]:
        """A quick look at held-out scenes."""
        return self.validation(self) if self.validation else {}

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        generator, config = self.generator(), self.config
        early = progress < config.early_share
        self.current_size = config.early_size if early else config.vision.image_size
        pixels, labels, said = self._batch(progress < config.first_share, generator)
        with self.autocast():
            seen = read_convnext(self.tower, pixels)
        names, captions = self._texts(said, self.table.draw(generator))
        scale = self.network.logit_scale.exp()
        parts = self.objective(seen, names, captions, labels, scale)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        self.group.average(parameter.grad for parameter in self.parameters)
        self.optimizer.step(self.rate(progress))
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    @torch.no_grad()
    def _texts(self, said: list[str], templates: Tensor) -> tuple[Tensor, Tensor]:
        """Features (W, E) of all names and (B, E) of a caption for each picture."""
        text = self.network.text
        ids = (self.table.pick(templates), self.tokenizer(said))
        names, captions = (text(rows.to(self.device)).float() for rows in ids)
        return names, captions

    def _batch(
        self, first: bool, generator: torch.Generator
    ) -> tuple[Tensor, NameLabels, list[str]]:
        """Pictures, what is true of them, and a caption for each."""
        count = self.config.batch
        choice = self.singles if first else self.everything
        rows = choice[torch.randint(len(choice), (count,), generator=generator)].tolist()
        images = torch.from_numpy(np.stack([self.pool.images[row] for row in rows]))
        present = torch.from_numpy(self.pool.present[rows])
        which = torch.randint(3, (count,), generator=generator).tolist()
        said = [self.pool.captions[row][k] for row, k in zip(rows, which, strict=True)]
        change = mirror if first else distort
        pixels = normalize(change(images.to(self.device), self.current_size, generator))
        judged = torch.ones_like(present)
        judged[:, self.pool.thing_count :] &= not first
        asked = judged if first else draw_vocabulary(present, generator)
        whole = torch.ones(count, dtype=torch.bool)
        facts = (part.to(self.device) for part in (present, asked, judged, whole))
        return pixels, NameLabels(*facts), said


def begin_network(vision: ConvNextConfig, teacher: ClipNetwork) -> ConvClipNetwork:
    """A network with a new image tower, and text tower and temperature of a trained pair."""
    network = ConvClipNetwork(ConvClipConfig(vision, teacher.text.config))
    network.text.load_state_dict(teacher.text.state_dict())
    network.logit_scale.data.copy_(teacher.logit_scale.data)
    network.text.requires_grad_(False)
    network.logit_scale.requires_grad_(False)
    for name, parameter in network.visual.named_parameters():
        if name.endswith(".gamma"):
            parameter.data.fill_(FIRST_GAMMA)
    return network


def read_convnext(tower: ConvNextTower, pixels: Tensor) -> Readings:
    """The image's embedding, and those of single cells with their mean, all (.., E) float32."""
    dense = tower.levels(pixels)[-1]
    cells = tower.embed_cells(dense).flatten(2).transpose(1, 2).float()
    return Readings(tower.embed(dense.mean(dim=(2, 3))).float(), cells.mean(dim=1), cells)
