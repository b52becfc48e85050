"""CaR as a dense scorer: the recurrence in every window, for methods that want score maps.

The recurrence looks at pictures and at all texts together, so features alone do not answer it: the
windows keep their pixels and the last block's input, and scoring runs the recurrence on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.errors import UsageError
from lexiseg.methods.car.background import background_words
from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import TEMPLATES, CarConfig, VisualPrompt
from lexiseg.methods.car.proposals import ProposalGenerator
from lexiseg.methods.car.recurrence import Question, Recurrence
from lexiseg.methods.car.scene import Scene
from lexiseg.models.clip import Clip, PositionTable, VisionTower
from lexiseg.models.clip.vision import PLAIN_POSITIONS
from lexiseg.ops.affinity import symmetric_affinity
from lexiseg.ops.attention import AttentionMean
from lexiseg.ops.last_block import LastBlock, Tail
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.scorers.base import ClipScorer, ScorerConfig
from lexiseg.types import DenseFeatures

SAME_TEXT = 0.99999  # cosine of a background word that is asked for


@dataclass(frozen=True)
class CarScorerConfig(ScorerConfig):
    """Settings of CaR as a scorer; thresholds are the paper's for COCO.

    Attributes:
        position: as `ScorerConfig`; CaR resizes bilinearly.
        templates: as `ScorerConfig`. One feature stands for a text in maps and judgement alike,
            where CaR itself words them differently.
        eta: binarization threshold of proposals for visual prompts.
        theta: removal threshold.
        lam: lambda, share of a map's maximum that its boxes enclose.
        prompts: visual prompts.
        background: words that compete in the maps, or names of lists; those asked for do not.
        max_steps: end the recurrence after so many steps; 0 takes the first maps unjudged, which
            spares the classifier's passes, one per window and text.
        proposals: maps that masks are proposed from, as `CarConfig` names them.
        affinity: spread maps by attention affinity.
        refinements: t of Eq. 8, how often.
        attention_blocks: attention of the last so many blocks makes the affinity.
    """

    position: PositionTable = PLAIN_POSITIONS
    templates: tuple[str, ...] = TEMPLATES
    eta: float = 0.5
    theta: float = 0.3
    lam: float = 0.5
    prompts: tuple[VisualPrompt, ...] = ("blur", "gray")
    background: tuple[str, ...] = ("terrestrial", "aquatic-atmospheric", "man-made")
    max_steps: int | None = None
    proposals: str = "gradcam"
    affinity: bool = True
    refinements: int = 2
    attention_blocks: int = 8

    @property
    def recurrence(self) -> CarConfig:
        """The same settings as CaR names them."""
        return CarConfig(
            eta=self.eta,
            theta=self.theta,
            lam=self.lam,
            prompts=self.prompts,
            max_steps=self.max_steps,
            proposals=self.proposals,
            affinity=self.affinity,
            refinements=self.refinements,
            attention_blocks=self.attention_blocks,
        )


@dataclass(frozen=True, eq=False)
class CarFeatures(DenseFeatures):
    """What the recurrence needs of each window, beside the common features.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        tokens: (B, 1 + n, D) input of the last block.
        affinity: (B, n, n) float32, symmetric.
    """

    images: Tensor
    tokens: Tensor
    affinity: Tensor


class CarScorer(ClipScorer):
    """Soft masks of the texts that survive the recurrence; zero for those that do not.

    `DenseFeatures.patches` are plain CLIP's, `cls` is the mean-patch embedding that Grad-CAM
    follows. Texts compete within a window, so a map depends on what is asked along.
    """

    config_type: ClassVar[type[ScorerConfig]] = CarScorerConfig
    config: CarScorerConfig

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> CarFeatures:
        """Features of normalized pixels (B, 3, H, W) of at least a patch on either side."""
        patch, last = self.patch_size, len(self.tower.blocks) - 1
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        record = AttentionMean()
        recorded = dict.fromkeys(
            range(max(0, last + 1 - self.config.attention_blocks), last), record
        )
        tokens = self.tower.run(self.embed(pixels), stop=last, attention=recorded)
        ends = [LastBlock(self._tail, row) for row in tokens]
        projected = torch.stack([end.project(end.tokens) for end in ends])
        unit = F.normalize(projected, dim=-1)
        return CarFeatures(
            patches=unit[:, 1:].reshape(len(unit), *grid, -1),
            cls=F.normalize(torch.stack([end.embedding for end in ends]), dim=-1),
            clip_cls=unit[:, 0],
            images=self._pictures(pixels),
            tokens=tokens,
            affinity=torch.stack([_affinity(record, n, end) for n, end in enumerate(ends)]),
        )

    def tokens(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Plain CLIP's projected tokens and its CLS."""
        tokens = self.project(self.tower.run(self.embed(pixels)))
        return tokens, tokens[:, 0]

    @property
    def tower(self) -> VisionTower:
        """The image tower, which has a CLS token."""
        return cast(VisionTower, self.clip.visual)

    @property
    def _tail(self) -> Tail:
        return Tail(self.tower.blocks[-1], self.tower.ln_post, self.tower.proj)

    def _pictures(self, pixels: Tensor) -> Tensor:
        """Undo the normalization."""
        statistics = self.clip.preprocessing.mean, self.clip.preprocessing.std
        mean, std = (pixels.new_tensor(values).view(3, 1, 1) for values in statistics)
        restored = (pixels.float() * std + mean).mul_(255).round_().clamp_(0, 255)
        return restored.to(torch.uint8)

    @torch.no_grad()
    def score(self, features: DenseFeatures, texts: Tensor) -> Tensor:
        """Maps (B, rows, columns, C) in [0, 1] of unit text features (C, E).

        Raises:
            UsageError: another scorer encoded the features.
        """
        if not isinstance(features, CarFeatures):
            raise UsageError("CaR looks at pictures; score only features that it encoded itself.")
        rivals = self._rivals(texts)
        known = torch.cat([texts, rivals])
        names = tuple(str(number) for number in range(len(known)))
        question = Question(names[: len(texts)], names[len(texts) :], self.config.prompts)
        config, clip = self.config.recurrence, cast(Clip, self.clip)
        recurrence = Recurrence(
            KnownTextGenerator(clip, config, known),
            KnownTextClassifier(clip, config, known),
            config,
        )
        maps = [
            self._ask(features[row : row + 1], recurrence, question) for row in range(len(features))
        ]
        return torch.stack(maps)

    def _rivals(self, texts: Tensor) -> Tensor:
        """(R, E) background words, without those that are asked for."""
        words = self.embed_texts(background_words(self.config.background))
        if not len(texts) or not len(words):
            return words.reshape(-1, texts.shape[-1])
        return words[(words @ texts.T).amax(dim=1) < SAME_TEXT]

    def _ask(self, window: CarFeatures, recurrence: Recurrence, question: Question) -> Tensor:
        """Maps (rows, columns, C) of one window."""
        picture = np.ascontiguousarray(window.images[0].permute(1, 2, 0).cpu().numpy())
        end = LastBlock(self._tail, window.tokens[0])
        scene = Scene(picture, picture, window.grid_hw, end, window.affinity[0])
        maps = torch.zeros(len(question.queries), len(end.activation), device=self.device)
        if question.queries:
            trace = recurrence.run(scene, question, Stopwatch())
            maps[list(trace.kept)] = trace.proposals.to(maps)
        return maps.T.reshape(*window.grid_hw, -1)


class KnownTextGenerator(ProposalGenerator):
    """A generator whose queries are numbers of texts that are embedded already."""

    def __init__(self, clip: Clip, config: CarConfig, texts: Tensor) -> None:
        super().__init__(clip, config)
        self.texts = texts

    def text_embeddings(self, names: Sequence[str], template: str) -> Tensor:
        """(N, E); the template is in the texts."""
        return self.texts[[int(name) for name in names]]


class KnownTextClassifier(MaskClassifier):
    """A classifier whose queries are numbers of texts that are embedded already."""

    def __init__(self, clip: Clip, config: CarConfig, texts: Tensor) -> None:
        super().__init__(clip, config)
        self.texts = texts

    def text_embeddings(self, names: Sequence[str]) -> Tensor:
        """(1, K, E)."""
        return self.texts[[int(name) for name in names]][None]


def _affinity(record: AttentionMean, row: int, end: LastBlock) -> Tensor:
    """Of one window, from the recorded blocks and the last one."""
    attention = end.attention
    if record.total is not None:
        attention = (record.total[row] + attention) / (record.blocks + 1)
    return symmetric_affinity(attention[1:, 1:])
