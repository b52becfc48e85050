"""From the captions of a search to a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lexiseg.types import Description

NAMELESS = "unnamed"  # where no caption has a letter left
QUOTES = str.maketrans("", "", "\"'`“”‘’«»")


def clean(caption: str, rule: Literal["dot", "released"] = "dot") -> str:
    """Turn a caption into a label.

    Args:
        caption: as generated: a leading blank, usually a dot at the end.
        rule: strip trailing dots only, or, as "released", drop the last character whatever it is,
            which spoils captions that reached the limit without a dot.

    Example:
        >>> clean(' Red "bus".'), clean(" fire engine"), clean(" fire engine", "released")
        ('red bus', 'fire engine', 'fire engin')
    """
    kept = caption[:-1] if rule == "released" else caption
    return " ".join(kept.lower().replace(".", "").translate(QUOTES).split())


def choose(
    captions: Sequence[str], cosines: Sequence[float], rule: Literal["dot", "released"] = "dot"
) -> Description:
    """Describe a segment by the caption CLIP finds closest; the others are its alternatives.

    Captions that leave no label are passed over, and a label is listed once.

    Args:
        captions: at least one.
        cosines: of the segment with each caption's sentence.
        rule: of `clean`.
    """
    ranked = sorted(zip(captions, cosines, strict=True), key=lambda pair: -pair[1])
    labels: dict[str, tuple[float, str]] = {}
    for caption, cosine in ranked:
        labels.setdefault(clean(caption, rule), (cosine, caption))
    labels = {label: entry for label, entry in labels.items() if label} or {
        NAMELESS: (ranked[0][1], ranked[0][0])
    }
    (text, (score, caption)), *others = labels.items()
    return Description(
        text, score, tuple((label, cosine) for label, (cosine, _) in others), caption
    )
