"""Which pictures a step sees and what it asks about them; all chance follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import LexisegError
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.examples import Example, Examples, Wanted
from lexiseg.types import Mask


@dataclass(frozen=True)
class Asked:
    """Texts asked about one picture.

    Attributes:
        example: the picture.
        texts: P of them.
        masks: of each text its objects; none where it means nothing.
    """

    example: Example
    texts: tuple[str, ...]
    masks: tuple[tuple[Mask, ...], ...]

    @property
    def meaning(self) -> int:
        """Texts that mean something."""
        return sum(bool(masks) for masks in self.masks)


def draw_texts(example: Example, config: AdapterTraining, chance: np.random.Generator) -> Asked:
    """Choose what is asked about a picture.

    Of too many texts a random choice stays, in their order; of several wordings one. Absent names
    come last; sentences that mean nothing are asked only if there is something to learn from them.

    Args:
        example: the picture.
        config: how many are asked.
        chance: decides.
    """
    present = _some([item for item in example.wanted if item.masks], config.prompts, chance)
    nothing = [item for item in example.wanted if not item.masks]
    chosen = [*present, *(nothing if config.presence_weight else ())]
    texts = [item.texts[int(chance.integers(len(item.texts)))] for item in chosen]
    absent = _absent(example, config.negatives * len(present), chance)
    masks = [item.masks for item in chosen]
    return Asked(example, (*texts, *absent), (*masks, *(() for _ in absent)))


def _some(wanted: list[Wanted], most: int | None, chance: np.random.Generator) -> list[Wanted]:
    if most is None or len(wanted) <= most:
        return wanted
    return [wanted[place] for place in sorted(chance.choice(len(wanted), most, replace=False))]


def _absent(example: Example, wished: float, chance: np.random.Generator) -> list[str]:
    """Absent names, as many as wished on average."""
    count = int(wished) + int(chance.random() < wished % 1)
    count = min(count, len(example.absent))
    if not count:
        return []
    places = chance.choice(len(example.absent), count, replace=False)
    return [example.absent[place] for place in places]


@dataclass
class Batches:
    """The pictures of every step, epoch after epoch in an order of its own.

    Attributes:
        examples: all of them.
        config: seed, pictures per step, what is asked.
        group: processes that share every step.
        left_out: sentences about examples that could not be read.
    """

    examples: Examples
    config: AdapterTraining
    group: ProcessGroup = ALONE
    left_out: dict[int, str] = field(default_factory=dict)

    def of_step(self, step: int) -> list[Asked]:
        """What this process sees in a step; examples that cannot be read are left out."""
        return list(self._readable(step))

    def _readable(self, step: int) -> Iterator[Asked]:
        first = (step * self.group.size + self.group.rank) * self.config.batch
        for position in range(first, first + self.config.batch):
            epoch, place = divmod(position, len(self.examples))
            index = int(_order(self.config.seed, epoch, len(self.examples))[place])
            try:
                example = self.examples[index]
            except LexisegError as error:
                self.left_out[index] = str(error)
                continue
            asked = draw_texts(example, self.config, _chance(self.config.seed, position))
            if asked.texts:
                yield asked


def _chance(seed: int, position: int) -> np.random.Generator:
    return np.random.default_rng((seed, 1, position))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Every example once, in the order of an epoch."""
    return np.random.default_rng((seed, 0, epoch)).permutation(count)
