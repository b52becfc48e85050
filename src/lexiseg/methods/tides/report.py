"""From found objects to the answer: instances, and for every name why it is in or out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lexiseg.methods.tides.class_filter import Verdict, class_probability
from lexiseg.methods.tides.config import TidesConfig
from lexiseg.methods.tides.postprocess import Found, finish_masks
from lexiseg.methods.tides.proposals import MaskPool
from lexiseg.types import Instance, Presence


def list_instances(label: str, found: Found, pool: MaskPool, config: TidesConfig) -> list[Instance]:
    """The objects of one class with all their scores; empty masks are left out.

    `details` holds ``io``, ``semantic`` and ``segmenter``, the three scores of a mask.
    """
    identified = found.identified
    columns = {
        "io": identified.io_scores.tolist(),
        "semantic": found.semantic.tolist(),
        "segmenter": identified.proposals.segmenter_scores.tolist(),
    }
    instances = []
    for number, mask in enumerate(finish_masks(pool, found, config)):
        if mask.area:
            details = {name: values[number] for name, values in columns.items()}
            score = float(found.confidence[number])
            instances.append(Instance(label, score, mask, details=details))
    return instances


def explain_presence(
    names: Sequence[str], verdicts: Sequence[Verdict], counts: Mapping[int, int], temperature: float
) -> list[Presence]:
    """Why each name is in or out.

    Args:
        names: as asked.
        verdicts: of step B.
        counts: position of a name -> objects found.
        temperature: of the probability that a verdict stands for.
    """
    entries = []
    for index, (name, verdict) in enumerate(zip(names, verdicts, strict=True)):
        count = counts.get(index, 0)
        reason = str(verdict)
        if verdict.kept and count:
            reason += f"; {count} object{'s' if count > 1 else ''}"
        elif verdict.kept:
            reason += "; but no mask fits well enough"
        score = class_probability(verdict, temperature)
        entries.append(Presence(name, score, count > 0, reason))
    return entries
