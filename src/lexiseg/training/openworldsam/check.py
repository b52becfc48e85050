"""A look at all examples before a training: what cannot be used, and how much there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from lexiseg.errors import LexisegError
from lexiseg.training.openworldsam.examples import Examples, FileExamples

MOST_COMMON = 8  # names that are listed


@dataclass(frozen=True)
class Overview:
    """What there is to learn from.

    Attributes:
        pictures: that can be used.
        texts: that mean something, over all pictures.
        masks: over all texts.
        most_texts: of one picture.
        most_masks: of one text; those beyond the adapter's queries cannot all be matched.
        common: the most frequent names with the number of their pictures.
        complaints: a sentence for everything that cannot be used.
    """

    pictures: int
    texts: int
    masks: int
    most_texts: int
    most_masks: int
    common: tuple[tuple[str, int], ...]
    complaints: tuple[str, ...]

    def to_text(self) -> str:
        """A few lines for people."""
        names = ", ".join(f"{name} ({count})" for name, count in self.common)
        return (
            f"{self.pictures} pictures, {self.texts} texts that mean {self.masks} masks; at most "
            f"{self.most_texts} texts in a picture, {self.most_masks} masks of a text\n"
            f"most often: {names}\n{len(self.complaints)} records left out"
        )


def look_through(examples: Examples, progress: Callable[[range], Iterable[int]] = iter) -> Overview:
    """Make every mask once.

    Args:
        examples: all of them.
        progress: wraps the numbers to show how far it is.
    """
    complaints: list[str] = []
    counts: list[list[int]] = []
    names: Counter[str] = Counter()
    for index in progress(range(len(examples))):
        try:
            example = examples[index]
        except LexisegError as error:
            complaints.append(str(error))
            continue
        meant = [item for item in example.wanted if item.masks]
        names.update(item.texts[0] for item in meant)
        counts.append([len(item.masks) for item in meant])
        if not example.wanted:
            complaints.append(f"Image {example.id} has no mask that covers a pixel.")
    common = tuple(names.most_common(MOST_COMMON))
    return _overview([count for count in counts if count], common, tuple(complaints))


def _overview(
    counts: list[list[int]], common: tuple[tuple[str, int], ...], complaints: tuple[str, ...]
) -> Overview:
    """Of the masks of every text of every picture."""
    return Overview(
        len(counts),
        sum(map(len, counts)),
        sum(map(sum, counts)),
        max(map(len, counts), default=0),
        max(map(max, counts), default=0),
        common,
        complaints,
    )


def hold_out(
    examples: FileExamples, share: float, seed: int, most: int = 200
) -> tuple[FileExamples, FileExamples | None]:
    """Part of the pictures for looking at progress; these are not learned from.

    Args:
        examples: all pictures.
        share: of them, 0..1.
        seed: decides which.
        most: pictures that are held out at most.

    Returns:
        what is left, and what is held out; None where the share makes less than one picture.
    """
    count = min(int(share * len(examples.rows)), most)
    if not count:
        return examples, None
    order = np.random.default_rng((seed, 3)).permutation(len(examples.rows))
    chosen = set(order[:count].tolist())
    left = tuple(row for place, row in enumerate(examples.rows) if place not in chosen)
    held = tuple(row for place, row in enumerate(examples.rows) if place in chosen)
    return replace(examples, rows=left), replace(examples, rows=held, complaints=())
