"""Names with a fitting adjective: "red car", "wooden table"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from lexiseg.captioners.embeddings import unit_rows
from lexiseg.captioners.vocabulary import VocabularyConfig, VocabularyNames
from lexiseg.captioners.word_list import Words, read_words
from lexiseg.models.clip import Clip
from lexiseg.models.clip.prefix_text import PrefixTextEncoder
from lexiseg.types import Description


@dataclass(frozen=True)
class AttributesConfig(VocabularyConfig):
    """Settings of the vocabulary decoder with adjectives.

    Attributes:
        attributes: adjectives, in the form of `words`.
        margin: an adjective is used if it raises the cosine by at least so much.
    """

    attributes: Words = "attributes"
    margin: float = 0.01


class AttributedNames(VocabularyNames):
    """Describes each segment by the nearest word and, where it helps, one adjective before it.

    Args:
        clip: the one that embeds the segments.
        options: fields of `AttributesConfig`.

    Example:
        >>> from lexiseg.models.clip import Clip
        >>> clip = Clip.load("mini-clip-classifier")
        >>> names = AttributedNames(clip, words=("car", "dog"), attributes=("red", "blue"))
        >>> names.describe(clip.text_features(["Image of a red car."]))[0].text
        'red car'
    """

    config_type: ClassVar[type[AttributesConfig]] = AttributesConfig
    config: AttributesConfig

    def __init__(self, clip: Clip, **options: object) -> None:
        super().__init__(clip, **options)
        self.attributes = read_words(self.config.attributes)

    @property
    def fingerprint(self) -> str:
        """The sha256 of all that may be said."""
        said = f"{super().fingerprint}\n" + "\n".join(self.attributes)
        return sha256(said.encode()).hexdigest()

    @cached_property
    def _texts(self) -> PrefixTextEncoder:
        return PrefixTextEncoder(self.clip)

    def describe(self, embeddings: Tensor) -> list[Description]:
        """Look up the nearest words and the best adjective of each segment's first one.

        Args:
            embeddings: (K, D) float, in CLIP's common space.

        Returns:
            As of `VocabularyNames`; where an adjective was added, the bare noun is the first
            alternative.
        """
        plain = super().describe(embeddings)
        if not plain or not self.attributes:
            return plain
        nouns = list(dict.fromkeys(entry.text for entry in plain))
        row = {noun: number for number, noun in enumerate(nouns)}
        phrases = self._phrase_features(nouns)[[row[entry.text] for entry in plain]]
        cosines = (phrases @ unit_rows(embeddings, self.clip)[..., None])[..., 0]
        best, places = (values.tolist() for values in cosines.clamp(-1, 1).max(dim=1))
        return [
            self._attributed(entry, self.attributes[place], cosine)
            for entry, place, cosine in zip(plain, places, best, strict=True)
        ]

    def _phrase_features(self, nouns: list[str]) -> Tensor:
        """(nouns, attributes, E) unit features of all combinations."""
        sentences = [
            template.replace("{}", f"{attribute} {noun}")
            for noun in nouns
            for attribute in self.attributes
            for template in self.config.templates
        ]
        shape = (len(nouns), len(self.attributes), len(self.config.templates), -1)
        return F.normalize(self._texts(sentences).view(shape).mean(dim=2), dim=-1)

    def _attributed(self, noun: Description, attribute: str, cosine: float) -> Description:
        is_named = attribute.casefold() in noun.text.casefold().split()
        if is_named or cosine - noun.score < self.config.margin:
            return noun
        others = ((noun.text, noun.score), *noun.alternatives)[: self.config.top - 1]
        return Description(f"{attribute} {noun.text}", cosine, others)
