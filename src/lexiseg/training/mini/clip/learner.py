"""Training of one tower pair of the small CLIP: `python -m lexiseg.training.mini clip`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiseg.models.clip import BpeTokenizer, ClipNetwork, TextConfig, VisionConfig
from lexiseg.training.engine.learner import Learner, Stateful, TrainingConfig
from lexiseg.training.engine.optimizer import muon_and_adamw
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.mini.augment import distort, mirror, normalize
from lexiseg.training.mini.clip.objective import WEIGHTS, NameLabels, Objective
from lexiseg.training.mini.clip.prompts import find_regions, spotlight
from lexiseg.training.mini.clip.text_distillation import distill_names
from lexiseg.training.mini.clip.texts import NameTable
from lexiseg.training.mini.clip.towers import finer_kernel, read_tokens, thin
from lexiseg.training.mini.pool import Pool

LARGEST_SCALE = math.log(100)


@dataclass(frozen=True, kw_only=True)
class ClipTraining(TrainingConfig):
    """Settings of one tower's training.

    Training has three parts. First words: pictures of one thing, unchanged but for mirroring, asked
    for things only. Then all pictures, still small. Then native size, with half of the patches left
    out, which halves the time and hides parts of things; at the end with all of them.
    """

    tower: str  # "proposal" or "classifier"
    vision: VisionConfig
    text: TextConfig
    first_share: float = 0.25  # of the budget, end of the first words
    early_share: float = 0.6  # of the budget, end of the small pictures
    early_size: int = 128  # pixels per side until then
    thin_share: float = 0.9  # of the budget, end of the native pictures with few tokens
    kept: float = 0.5  # share of the patch tokens that such pictures keep
    distillation_steps: int = 200  # steps that fit the text tower to the name vectors
    prompted: float = 0.7  # share of pictures with a visual prompt, if proposals can be asked


@dataclass
class Batch:
    """Pictures and what is asked about them."""

    pixels: Tensor
    labels: NameLabels
    captions: list[str]
    templates: Tensor  # (W,) the wording of every name


class NameEmbeddings(nn.Module):
    """Free vectors (W, E) in the place of names, until the text tower takes over."""

    distilled: Tensor

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(0.07 * torch.randn(count, width))
        self.register_buffer("distilled", torch.tensor(False))


class ClipLearner(Learner):
    """One pair of towers in training.

    Args:
        config: sizes and settings.
        pool: drawn scenes.
        tokenizer: of the pair.
        proposals: a trained proposal pair; with it some pictures are visually prompted.
        device, group: as of `Learner`.
        validation: function of the learner giving measures for the curve.
    """

    config: ClipTraining

    def __init__(
        self,
        config: ClipTraining,
        pool: Pool,
        tokenizer: BpeTokenizer,
        proposals: ClipNetwork | None = None,
        device: torch.device | str = "cpu",
        group: ProcessGroup = ALONE,
        validation: Callable[[ClipLearner], dict[str, float]] | None = None,
    ) -> None:
        self.proposals, self.validation = proposals, validation
        super().__init__(config, len(pool.images), device, group)
        self.label = f"training {config.tower}"
        self.pool, self.tokenizer = pool, tokenizer
        self.network = ClipNetwork(config.vision, config.text).to(self.device).train()
        self.objective = Objective(WEIGHTS[config.tower]).to(self.device)
        self.table = NameTable(tokenizer, pool.names)
        self.words = NameEmbeddings(len(pool.names), config.vision.embed_dim).to(self.device)
        things = torch.from_numpy(pool.present[:, : pool.thing_count]).sum(dim=1)
        self.everything, self.singles = torch.arange(len(things)), torch.nonzero(things == 1)[:, 0]
        whole = nn.ModuleList([self.network, self.objective, self.words])
        self.parameters = list(whole.parameters())
        self.optimizer = muon_and_adamw(whole)
        self.current_size = self.size(0.0)

    @property
    def distilled(self) -> bool:
        """Whether the text tower has taken over from the free vectors."""
        return bool(self.words.distilled)

    def parts(self) -> dict[str, Stateful]:
        """Everything with a state, by the name it has in a checkpoint."""
        return {
            "network": self.network,
            "objective": self.objective,
            "words": self.words,
            "optimizer": self.optimizer,
        }

    def measure(self) -> dict[str, float]:
        """A quick look at held-out scenes, and the sharpness of the softmax."""
        scale = round(float(self.network.logit_scale.detach().exp()), 2)
        return {**(self.validation(self) if self.validation else {}), "scale": scale}

    def inherit(self, network: ClipNetwork) -> None:
        """Begin with the weights of a trained pair, brought to this pair's patches and grid."""
        state = network.state_dict()
        key, native = "visual.positional_embedding", network.visual.config.grid
        side = self.config.vision.grid
        state[key] = network.visual.position.resize(state[key], native, (side, side))
        patch, kernel = self.config.vision.patch_size, "visual.conv1.weight"
        state[kernel] = finer_kernel(state[kernel], patch)
        self.network.load_state_dict(state)
        self.words.distilled.fill_(True)

    def size(self, progress: float) -> int:
        """Picture size: small first, native later."""
        early = progress < self.config.early_share
        return self.config.early_size if early else self.config.vision.image_size

    def kept(self, progress: float) -> float:
        """Share of patch tokens: all of small pictures and, at the end, of native ones."""
        config = self.config
        return config.kept if config.early_share <= progress < config.thin_share else 1.0

    def advance(self, progress: float) -> dict[str, float]:
        """Make one step and return the losses."""
        generator = self.generator()
        self.current_size = self.size(progress)
        if not self.distilled and progress >= self.config.early_share:
            steps, seed = self.config.distillation_steps, self.config.seed
            distill_names(self.network.text, self.table, self.words.vectors, steps, seed)
            self.words.distilled.fill_(True)
        batch = self._batch(progress, generator)
        with self.autocast():
            tokens = self.network.visual.embed(batch.pixels)
            if (share := self.kept(progress)) < 1:
                tokens = thin(tokens, share, generator)
            seen = read_tokens(self.network.visual, tokens)
            names, captions = self._texts(batch)
        scale = self.network.logit_scale.exp()
        parts = self.objective(seen, names, captions, batch.labels, scale)
        torch.autograd.backward(torch.stack(list(parts.values())).sum())
        self.group.average(parameter.grad for parameter in self.parameters)
        self.optimizer.step(self.rate(progress))
        with torch.no_grad():
            self.network.logit_scale.clamp_(0, LARGEST_SCALE)
        self.step += 1
        return {name: round(loss.item(), 4) for name, loss in parts.items()}

    def _texts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Features of all names, and of the captions once the text tower takes part.

        A text tower that is trained from the beginning gives one and the same feature to all
        things that cannot be told apart yet, and stays there; free vectors find their ways.
        """
        if not self.distilled:
            return self.words.vectors, None
        text = self.network.text
        names = text(self.table.pick(batch.templates).to(self.device)).float()
        return names, text(self.tokenizer(batch.captions).to(self.device)).float()

    def _batch(self, progress: float, generator: torch.Generator) -> Batch:
        count, first = self.config.batch, progress < self.config.first_share
        choice = self.singles if first else self.everything
        rows = choice[torch.randint(len(choice), (count,), generator=generator)].tolist()
        images = torch.from_numpy(np.stack([self.pool.images[row] for row in rows]))
        present = torch.from_numpy(self.pool.present[rows])
        which = torch.randint(3, (count,), generator=generator).tolist()
        said = [self.pool.captions[row][k] for row, k in zip(rows, which, strict=True)]
        change = mirror if first else distort
        pixels = change(images.to(self.device), self.current_size, generator)
        judged = torch.ones_like(present)
        whole = torch.ones(count, dtype=torch.bool)
        if first:
            judged[:, self.pool.thing_count :] = False
        elif self.proposals is not None:
            pixels, present, judged, whole = self._prompt(pixels, present, said, generator)
        asked = judged if first else draw_vocabulary(present, generator)
        move = self.device
        labels = NameLabels(present.to(move), asked.to(move), judged.to(move), whole.to(move))
        return Batch(normalize(pixels), labels, said, self.table.draw(generator))

    def _prompt(
        self, pixels: Tensor, present: Tensor, said: list[str], generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Prompt the first part of the batch; there, only the sought name counts as present."""
        assert self.proposals is not None
        count = round(self.config.prompted * len(pixels))
        odds = present[:count].float() + 1e-9
        odds[:, self.pool.thing_count :] *= 0.3  # things are sought more often than stuff
        sought = torch.multinomial(odds, 1, generator=generator)[:, 0]
        with self.autocast(), torch.no_grad():
            names = self.proposals.text(self.table.ids[0, sought].to(self.device)).float()
            where = find_regions(self.proposals, normalize(pixels[:count]), names, generator)
        lit = spotlight(pixels[:count], where, generator)
        only = F.one_hot(sought, present.shape[1]).bool()
        judged = torch.ones_like(present)
        judged[:count] = ~present[:count] | only
        things = self.pool.thing_count
        judged[:count, :things] |= sought[:, None] < things  # other things are wrong answers
        for row, column in enumerate(sought.tolist()):
            said[row] = f"a photo of a {self.pool.names[column]}."
        whole = torch.arange(len(pixels)) >= count
        labelled = torch.cat([only, present[count:]])
        return torch.cat([lit, pixels[count:]]), labelled, judged, whole

    def _session(self) -> dict[str, object]:
        return {**super()._session(), "prompted": self.proposals is not None}


def draw_vocabulary(present: Tensor, generator: torch.Generator) -> Tensor:
    """Names to ask of each picture: some or all of the absent, most of the present ones."""
    share = torch.empty(len(present), 1).uniform_(0.05, 1.3, generator=generator)
    share = torch.where(present, torch.tensor(0.85), share)
    asked = torch.rand(present.shape, generator=generator) < share
    return asked | ~asked.any(dim=1, keepdim=True)
