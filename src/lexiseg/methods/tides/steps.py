"""Who carries out steps A to D; each can be exchanged by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from torch import Tensor

from lexiseg.methods.tides.class_filter import Verdict, judge_classes
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.identification import Identified, identify
from lexiseg.methods.tides.proposals import Foreground, MaskPool, Proposals, propose
from lexiseg.methods.tides.question import Question
from lexiseg.methods.tides.scene import Scene
from lexiseg.methods.tides.semantic_features import find_foreground
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.types import DenseScorer

Semantics: TypeAlias = Callable[
    [Scene, Question, Sequence[int], DenseScorer, TidesConfig], Foreground
]
ClassFilter: TypeAlias = Callable[[Scene, Question, TidesConfig], list[Verdict]]
Proposer: TypeAlias = Callable[[Scene, Foreground, TidesConfig, Stopwatch], MaskPool]
Identifier: TypeAlias = Callable[
    [Proposals, Tensor, Tensor, tuple[int, int], TidesConfig], Identified
]


@dataclass(frozen=True)
class Steps:
    """The published steps, or others in their place.

    Attributes:
        semantics: A, and of C what is foreground of which class.
        classes: B.
        proposals: C.
        identification: D.
    """

    semantics: Semantics = find_foreground
    classes: ClassFilter = judge_classes
    proposals: Proposer = propose
    identification: Identifier = identify

    @property
    def exchanged(self) -> dict[str, str]:
        """Step -> what does it, of those that are not the published ones."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: getattr(step, "__name__", type(step).__name__)
            for name, step in own.items()
            if step is not getattr(PUBLISHED, name)
        }


PUBLISHED = Steps()
