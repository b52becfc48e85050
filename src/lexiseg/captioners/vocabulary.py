"""Names by looking up: the words of a list that CLIP finds nearest to a segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

import torch
from torch import Tensor

from lexiseg.captioners.embeddings import unit_rows
from lexiseg.captioners.word_features import word_features
from lexiseg.captioners.word_list import Words, read_words
from lexiseg.config import check_ranges, override
from lexiseg.errors import UsageError
from lexiseg.models.clip import Clip
from lexiseg.types import Description


@dataclass(frozen=True)
class VocabularyConfig:
    """Settings of the vocabulary decoder.

    Attributes:
        words: what may be named: a bundled list ("everyday", or "miniworld", which is all that
            the bundled CLIP knows), a text file with one entry per line, or the words.
        stop: what is never named, in the same form; it takes entries out of `words`.
        top: descriptions of a segment, the best one included.
        templates: sentences with {} where the word goes; their features are averaged.
        cache: keep the features of long lists in the user's cache folder.
    """

    words: Words = "everyday"
    stop: Words = "stop"
    top: int = 5
    templates: tuple[str, ...] = ("Image of a {}.",)
    cache: bool = True

    def __post_init__(self) -> None:
        """Check what the types do not say.

        Raises:
            UsageError: a number out of its range, or a template without {}.
        """
        check_ranges(self, ("top", 1, 1000))
        if not self.templates or any("{}" not in template for template in self.templates):
            raise UsageError("Option 'templates' needs sentences with {} where the word goes.")


def _title(words: Words) -> str:
    return f"{len(words)} words" if isinstance(words, tuple) else str(words)


class VocabularyNames:
    """Describes each segment by the nearest words of a list.

    Args:
        clip: the one that embeds the segments; its text tower is asked, once per list.
        options: fields of `VocabularyConfig`.

    Raises:
        UnknownNameError: no such option.
        UsageError: the list cannot be read, or nothing is left of it.

    Example:
        >>> clip = Clip.load("mini-clip-classifier")
        >>> names = VocabularyNames(clip, words=("dog", "grass", "sky"), top=2)
        >>> names.describe(clip.text_features(["grass"]))[0].text
        'grass'
    """

    config_type: ClassVar[type[VocabularyConfig]] = VocabularyConfig
    config: VocabularyConfig

    def __init__(self, clip: Clip, **options: object) -> None:
        self.clip = clip
        self.config = override(self.config_type(), options)
        self.words = self._choose_words()

    def _choose_words(self) -> tuple[str, ...]:
        known = read_words(self.config.words)
        stopped = {word.casefold() for word in read_words(self.config.stop)}
        words = tuple(word for word in known if word.casefold() not in stopped)
        if not words:
            given = self.config.words
            source = f"The word list {str(given)!r}" if given else "The word list"
            raise UsageError(
                f"{source} has {len(known)} entries, of which none is left after the stop list; "
                "give at least one word."
            )
        return words

    @property
    def name(self) -> str:
        """Where the words come from."""
        return _title(self.config.words)

    @property
    def fingerprint(self) -> str:
        """The sha256 of all that may be said: a file of words may change under its name."""
        return sha256("\n".join(self.words).encode()).hexdigest()

    @property
    def dtype(self) -> torch.dtype:
        """The precision that the words are embedded in."""
        return self.clip.dtype

    @cached_property
    def features(self) -> Tensor:
        """(N, E) float32, unit features of the words."""
        return word_features(self.clip, self.words, self.config.templates, self.config.cache)

    def describe(self, embeddings: Tensor) -> list[Description]:
        """Look up the nearest words.

        Args:
            embeddings: (K, D) float, in CLIP's common space.

        Returns:
            For each segment the nearest word, with its cosine, and the next ones.
        """
        images = unit_rows(embeddings, self.clip)
        cosines = (images @ self.features.T).clamp(-1, 1)  # rounding may lead beyond
        cosines, places = cosines.topk(min(self.config.top, len(self.words)))
        ranked = [
            tuple((self.words[place], cosine) for place, cosine in zip(*row, strict=True))
            for row in zip(places.tolist(), cosines.tolist(), strict=True)
        ]
        return [Description(*pairs[0], alternatives=pairs[1:]) for pairs in ranked]
