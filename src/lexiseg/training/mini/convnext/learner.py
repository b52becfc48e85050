"""A small ConvNeXt learns to see what the bundled text tower already says.

The text tower of the bundled proposal pair stays as it is, and with it the space of names; the
image tower begins with nothing. It learns the words of things from close-ups, then names and
captions of whole pictures, never masks.
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

SIZES = ConvNextConfig((32, 64, 128, 256), (2, 2, 6, 2), embed_dim=192, hidden=256, image_size=224)
Change = Callable[[Tensor, int, torch.Generator], Tensor]
FIRST_GAMMA = 1.0  # published trainings begin with 1e-6, and last a thousand times longer


@dataclass(frozen=True)
class ConvNextTraining(TrainingConfig):
    """Settings of the small ConvNeXt's training.

    First words: close-ups, mirrored only, asked for things only. Then all pictures, still small;
    at the end at native size.
    """

    batch: int = 32
    rate: float = 2e-3
    vision: ConvNextConfig = SIZES
    first_share: float = 0.4  # of the budget, end of the first words
    first_size: int = 64  # pixels per side of close-ups
    first_batch: int = 64  # close-ups per step and process
    early_share: float = 0.85  # of the budget, end of the small pictures
    early_size: int = 128  # pixels per side until then


class ConvNextLearner(Learner):
    """The small ConvNeXt in training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
        close_ups: pictures of one thing each, of the same names.
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
        close_ups: Pool,
        tokenizer: BpeTokenizer,
        teacher: ClipNetwork,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Callable[[ConvNextLearner], dict[str, float]] | None = None,
    ) -> None:
        super().__init__(config, len(pool.images), device, group)
        self.pool, self.close_ups = pool, close_ups
        self.tokenizer, self.validation = tokenizer, validation
        self.network = begin_network(config.vision, teacher).to(self.device)
        self.objective = Objective(WEIGHTS["proposal"]).to(self.device)
        self.table = NameTable(tokenizer, pool.names)
        learning = nn.ModuleList([self.network.visual, self.objective])
        self.parameters = list(learning.parameters())
        self.optimizer = muon_and_adamw(learning, "blocks")
        self.current_size = config.first_size

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
        first, early = progress < config.first_share, progress < config.early_share
        self.current_size = (
            config.first_size if first else config.early_size if early else config.vision.image_size
        )
        pixels, labels, said = self._close_ups(generator) if first else self._scenes(generator)
        with self.autocast():
            seen = read_convnext(self.tower, pixels)
        names, captions = self._texts(said, self.table.draw(generator))
        scale = self.network.logit_scale.exp()
        parts = self.objective(seen, names, None if first else captions, labels, scale)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        self.group.average(p.grad for p in self.parameters if p.grad is not None)
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

    def _close_ups(self, generator: torch.Generator) -> tuple[Tensor, NameLabels, list[str]]:
        """Close-ups; all names of things are asked, those of stuff are unknown."""
        rows = torch.randint(
            len(self.close_ups.images), (self.config.first_batch,), generator=generator
        )
        pixels, present, said = self._drawn(self.close_ups, rows, generator, mirror)
        judged = torch.ones_like(present)
        judged[:, self.pool.thing_count :] = False
        return pixels, self._labels(present, judged, judged), said

    def _scenes(self, generator: torch.Generator) -> tuple[Tensor, NameLabels, list[str]]:
        """Whole pictures, asked for drawn vocabularies."""
        rows = torch.randint(len(self.pool.images), (self.config.batch,), generator=generator)
        pixels, present, said = self._drawn(self.pool, rows, generator, distort)
        asked = draw_vocabulary(present, generator)
        return pixels, self._labels(present, asked, torch.ones_like(present)), said

    def _drawn(
        self, pool: Pool, rows: Tensor, generator: torch.Generator, change: Change
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Changed pictures, which names are present, and a caption for each."""
        numbers = rows.tolist()
        images = torch.from_numpy(np.stack([pool.images[row] for row in numbers]))
        which = torch.randint(3, (len(numbers),), generator=generator).tolist()
        captions = [pool.captions[row] for row in numbers]
        said = [own[k % len(own)] for own, k in zip(captions, which, strict=True)]
        pixels = normalize(change(images.to(self.device), self.current_size, generator))
        return pixels, torch.from_numpy(pool.present[numbers]), said

    def _labels(self, present: Tensor, asked: Tensor, judged: Tensor) -> NameLabels:
        whole = torch.ones(len(present), dtype=torch.bool)
        present, asked, judged, whole = (
            part.to(self.device) for part in (present, asked, judged, whole)
        )
        return NameLabels(present, asked, judged, whole)


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
