"""Why each name is in or out."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lexiseg.ops.mask_inference import PanopticDivision
from lexiseg.types import Presence

NAMING, SCORING, DIVIDING = 1, 2, 3  # the steps that can take a name away


def explain_presence(
    names: Sequence[str], probabilities: Tensor, division: PanopticDivision, min_score: float
) -> list[Presence]:
    """A verdict for each name, with the probability of its best candidate.

    Args:
        names: C names, as asked.
        probabilities: (Q, C + 1), void last.
        division: what became of the candidates.
        min_score: the bound on scores, for the reason.
    """
    labels = probabilities.argmax(dim=1).tolist()
    counts = [0] * len(names)
    for segment in division.segments:
        counts[segment.label] += 1
    best = probabilities.max(dim=0)
    verdicts = []
    for number, name in enumerate(names):
        score, candidate = float(best.values[number]), int(best.indices[number])
        own = {fate for fate, label in zip(division.fates, labels, strict=True) if label == number}
        if counts[number]:
            step, reason = None, f"{counts[number]} segment{'s' if counts[number] > 1 else ''}"
        elif not own:
            step, reason = NAMING, _rival(probabilities[candidate], labels[candidate], names)
        elif own == {"score"}:
            step, reason = SCORING, f"no candidate scores above {min_score:g}"
        else:
            step, reason = DIVIDING, "its candidates lost their pixels to others"
        verdicts.append(Presence(name, score, bool(counts[number]), reason, step))
    return verdicts


def _rival(row: Tensor, winner: int, names: Sequence[str]) -> str:
    """What the best candidate of a name is taken for instead."""
    other = repr(names[winner]) if winner < len(names) else "no object"
    return f"its best candidate is rather {other} ({float(row[winner]):.2f})"
