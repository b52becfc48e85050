"""The truth in place of single steps: what each costs (Table 3 of the paper).

The paper names the four substitutions without their rules. Here

* ``semantics`` (A): foreground cells are the true ones, all with score 1. Scores alone would not
  do: the published foreground rule compares a class with the background only, so that it leaves
  open cells of other classes.
* ``vocabulary`` (B): exactly the names that are there survive.
* ``masks`` (C, D): proposals are the true masks, and there is nothing left to identify. They still
  have to be assigned to classes, so names are as hard as before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from lexiseg.datasets.sample import TrueObject
from lexiseg.errors import UnknownNameError
from lexiseg.methods.tides.canvas import Canvas
from lexiseg.methods.tides.class_filter import Verdict, judge_classes
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.identification import Identified
from lexiseg.methods.tides.method import Tides
from lexiseg.methods.tides.proposals import Foreground, Proposals, class_overlap
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.scene import Scene
from lexiseg.methods.tides.steps import PUBLISHED, Steps
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import DenseScorer, Mask

Oracle: TypeAlias = Literal["semantics", "vocabulary", "masks"]
ORACLES: tuple[Oracle, ...] = get_args(Oracle)
INSIDE = 0.5  # a cell belongs to a mask that covers more of it, as for the segmenter's masks


@dataclass(frozen=True)
class Truth:
    """What is annotated in one image.

    Attributes:
        objects: single objects and crowd regions.
        names: name of each class index.
    """

    objects: Sequence[TrueObject]
    names: Sequence[str]

    @property
    def singles(self) -> tuple[TrueObject, ...]:
        """All but crowd regions."""
        return tuple(item for item in self.objects if not item.crowd)

    @property
    def present(self) -> frozenset[str]:
        """Names of which there is a single object."""
        return frozenset(self.names[item.class_index] for item in self.singles)

    def regions(self, name: str) -> list[Mask]:
        """Where a class is, crowd regions included."""
        return [item.mask for item in self.objects if self.names[item.class_index] == name]


def with_truth(tides: Tides, truth: Truth, perfect: Collection[Oracle]) -> Tides:
    """A method that knows part of the truth about one image.

    Args:
        tides: the method.
        truth: of the image that will be asked about; a scene that `tides` encoded serves.
        perfect: members of `ORACLES`, any number of them.

    Raises:
        UnknownNameError: no such oracle.

    Example:
        >>> knowing = with_truth(tides, Truth(sample.objects, names), ["masks"])  # doctest: +SKIP
        >>> knowing.segment(scene, names).instances                               # doctest: +SKIP
    """
    return tides.with_steps(true_steps(truth, perfect))


def true_steps(truth: Truth, perfect: Collection[Oracle]) -> Steps:
    """The published steps with some replaced by the truth; see `with_truth`."""
    for name in perfect:
        if name not in ORACLES:
            raise UnknownNameError("oracle", name, ORACLES)
    steps = PUBLISHED
    if "semantics" in perfect:
        steps = replace(steps, semantics=TrueSemantics(truth))
    if "vocabulary" in perfect:
        steps = replace(steps, classes=TrueVocabulary(truth))
    if "masks" in perfect:
        steps = replace(steps, proposals=TrueMasks(truth), identification=keep_all)
    return steps


class KnownVerdict(Verdict):
    """What is known of a class, whatever the windows say."""

    def __str__(self) -> str:
        return "known to be there" if self.kept else "known to be absent"


@dataclass(frozen=True)
class TrueVocabulary:
    """Step B that keeps what is there."""

    truth: Truth

    def __call__(self, scene: Scene, question: Question, config: TidesConfig) -> list[Verdict]:
        """The true outcome, with the scores that the windows gave."""
        present = self.truth.present
        return [
            KnownVerdict(name in present, seen.similarity, seen.background, seen.window)
            for name, seen in zip(
                question.names, judge_classes(scene, question, config), strict=True
            )
        ]


@dataclass(frozen=True)
class TrueSemantics:
    """Step A that sees each class exactly where it is, as far as cells can show."""

    truth: Truth

    def __call__(
        self,
        scene: Scene,
        question: Question,
        survivors: Sequence[int],
        scorer: DenseScorer,
        config: TidesConfig,
    ) -> Foreground:
        """The true cells of the surviving classes."""
        names = [question.names[index] for index in survivors]
        cells = torch.stack([self._region(name, scene.canvas) for name in names])
        return Foreground(cells.float(), cells, scene.canvas.cells.shape)

    def _region(self, name: str, canvas: Canvas) -> Tensor:
        return masks_on_cells(self.truth.regions(name), canvas).any(dim=0)


@dataclass(frozen=True)
class TrueMasks:
    """Step C that proposes the true masks and assigns them by the configured rule."""

    truth: Truth

    def __call__(
        self, scene: Scene, foreground: Foreground, config: TidesConfig, watch: Stopwatch
    ) -> TruePool:
        """True masks of all classes; each may become a proposal of any."""
        with watch("C: proposals"):
            whole = [item.mask for item in self.truth.singles]
            return TruePool(whole, masks_on_cells(whole, scene.canvas), foreground, config)


@dataclass(frozen=True)
class TruePool:
    """True masks at the size of the image and on cells (N, cells)."""

    whole: Sequence[Mask]
    masks: Tensor
    foreground: Foreground
    config: TidesConfig

    def of_class(self, index: int) -> Proposals:
        """Those that agree with a class's foreground, as if prompted where the class is loudest."""
        seen = self.foreground
        one = Foreground(seen.values[[index]], seen.cells[[index]], seen.shape)
        points = (self.masks * (1 + one.values * one.cells)).argmax(dim=1)
        overlap = class_overlap(self.masks, points, one, self.config)[:, 0]
        chosen = (overlap > self.config.min_overlap).nonzero()[:, 0]
        certain = torch.ones(len(chosen))
        return Proposals(self.masks[chosen], points[chosen], chosen, certain)

    def finish(self, proposals: Proposals) -> list[Mask]:
        """The masks as annotated."""
        return [self.whole[number] for number in proposals.candidates.tolist()]


def keep_all(
    proposals: Proposals,
    values: Tensor,
    foreground: Tensor,
    shape: tuple[int, int],
    config: TidesConfig,
) -> Identified:
    """Step D for masks of which each is a whole object: all stay, with identity 1."""
    certain = torch.ones(len(proposals))
    return Identified(proposals, certain, certain)


def masks_on_cells(masks: Sequence[Mask], canvas: Canvas) -> Tensor:
    """Masks of the image as bool (N, cells); one smaller than a cell may be empty."""
    cells = torch.zeros(len(masks), *canvas.cells.shape, dtype=torch.bool)
    for number, mask in enumerate(masks):
        cells[number] = canvas.pool(torch.from_numpy(mask.to_array())) > INSIDE
    return cells.flatten(1)
