"""Which pictures a step sees and what it asks about them; all chance follows from the seed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lexiseg.errors import LexisegError
from lexiseg.training.engine.process_group import ALONE, ProcessGroup
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.examples import Example, Examples, Wanted
from lexiseg.training.openworldsam.features import PictureFile
from lexiseg.types import Mask

READERS = 4  # pictures read at a time, while the step before is computed


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

    @cached_property
    def picture(self) -> PictureFile:
        """The picture, which is read once."""
        return PictureFile(self.example.image, self.example.size_hw)

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


class Batches:
    """The pictures of every step, epoch after epoch in an order of its own.

    While one step is computed the pictures of the next are read.

    Args:
        examples: all of them.
        config: seed, pictures per step, what is asked.
        group: processes that share every step.
        warm: called for everything that is read ahead, to read the picture too.

    Attributes:
        left_out: sentences about examples that could not be read, by what they are.
    """

    def __init__(
        self,
        examples: Examples,
        config: AdapterTraining,
        group: ProcessGroup = ALONE,
        warm: Callable[[Asked], None] | None = None,
    ) -> None:
        self.examples, self.config, self.group, self._warm = examples, config, group, warm
        self.left_out: dict[str, str] = {}
        self._readers = ThreadPoolExecutor(READERS)
        self._ahead: dict[int, list[Future[Asked | None]]] = {}

    def of_step(self, step: int) -> list[Asked]:
        """What this process sees in a step; examples that cannot be read are left out."""
        reading = self._ahead.pop(step, None) or self._read(step)
        self._ahead = {step + 1: self._read(step + 1)}
        found = [one.result() for one in reading]
        return [asked for asked in found if asked is not None and asked.texts]

    def _read(self, step: int) -> list[Future[Asked | None]]:
        first = (step * self.group.size + self.group.rank) * self.config.batch
        positions = range(first, first + self.config.batch)
        return [self._readers.submit(self._asked, position) for position in positions]

    def _asked(self, position: int) -> Asked | None:
        epoch, place = divmod(position, len(self.examples))
        index = int(_order(self.config.seed, epoch, len(self.examples))[place])
        try:
            asked = draw_texts(
                self.examples[index], self.config, _chance(self.config.seed, position)
            )
            if self._warm is not None:
                self._warm(asked)
        except LexisegError as error:
            self.left_out[f"example {index}"] = str(error)
            return None
        return asked


def _chance(seed: int, position: int) -> np.random.Generator:
    return np.random.default_rng((seed, 1, position))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Every example once, in the order of an epoch."""
    return np.random.default_rng((seed, 0, epoch)).permutation(count)
