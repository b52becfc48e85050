"""What puts a segment into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Description:
    """The words found for one segment.

    Args:
        text: the best description, ready to be shown as a label.
        score: cosine of the segment's embedding and the text's, -1 to 1.
        alternatives: further (text, score) pairs, best first; `text` is not among them.
        caption: the words before they were cleaned up to a label; "" where there was nothing to
            clean.

    Example:
        >>> Description("dog", 0.31, (("cat", 0.27),)).text
        'dog'
    """

    text: str
    score: float
    alternatives: tuple[tuple[str, float], ...] = ()
    caption: str = ""

    @property
    def wording(self) -> str:
        """What texts are compared by: the caption as it was found."""
        return self.caption or self.text


@runtime_checkable
class Captioner(Protocol):
    """Anything that puts embeddings of image segments into words."""

    def describe(self, embeddings: Tensor) -> list[Description]:
        """One description per segment, in their order.

        Args:
            embeddings: (K, D) float, in the space of the CLIP the captioner was made for; their
                length does not matter.
        """
        ...
