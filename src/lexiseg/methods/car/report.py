"""From traces and masks to the answer: regions, and for every name why it is in or out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lexiseg.methods.base import Answer
from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.recurrence import Trace
from lexiseg.types import Instance, Mask, Presence


@dataclass
class Findings:
    """What is known so far about each name of one question to one image.

    Attributes:
        names: labels as asked.
        verdicts: position -> presence.
        regions: position -> region.
    """

    names: tuple[str, ...]
    verdicts: dict[int, Presence] = field(default_factory=dict)
    regions: dict[int, Instance] = field(default_factory=dict)

    def leave_out(self, reasons: Mapping[int, str]) -> None:
        """Note names that were never asked about."""
        for position, reason in reasons.items():
            self.verdicts[position] = Presence(self.names[position], 0.0, False, reason)

    def add_trace(self, trace: Trace, positions: tuple[int, ...], config: CarConfig) -> None:
        """Note who survived the recurrence, and where the others fell.

        Args:
            trace: of one run.
            positions: vocabulary position of each query of the run.
            config: theta, for the reasons.
        """
        for number, step in enumerate(trace.steps, start=1):
            for query, score in zip(step.alive, step.scores, strict=True):
                if query not in step.kept:
                    reason = f"removed in step {number}: score {below(score, config)}"
                    self._judge(positions[query], score, False, reason, number)
        for query, score in zip(trace.kept, trace.scores, strict=True):
            reason = _kept_reason(len(trace.steps), score, config)
            self._judge(positions[query], score, True, reason, len(trace.steps))

    def add_mask(self, position: int, mask: NDArray[np.bool_], is_thing: bool) -> None:
        """Give a surviving name its region; without any pixel it is not in the answer."""
        verdict = self.verdicts[position]
        if mask.any():
            self.regions[position] = Instance(
                verdict.name, verdict.score, Mask.from_array(mask), is_thing
            )
        else:
            reason = "no pixel left: another name or the background is stronger everywhere"
            self._judge(position, verdict.score, False, reason, verdict.step)

    def _judge(
        self, position: int, score: float, kept: bool, reason: str, step: int | None
    ) -> None:
        self.verdicts[position] = Presence(self.names[position], score, kept, reason, step)

    def answer(self) -> Answer:
        """What is known by now, in the order asked."""
        regions = [self.regions[position] for position in sorted(self.regions)]
        return Answer(regions, [self.verdicts[position] for position in range(len(self.names))])


def below(score: float, config: CarConfig) -> str:
    """That a score does not pass, in digits that show it.

    Args:
        score: 0..1.
        config: with theta, and whether a score equal to it passes.

    Example:
        >>> below(0.1996, CarConfig(theta=0.2))
        '0.1996 is below 0.2000'
    """
    relation = "is below" if config.procedure.keep_equal else "is not above"
    tells = (n for n in range(2, 8) if f"{score:.{n}f}" != f"{config.theta:.{n}f}")
    digits = next(tells, 2)
    return f"{score:.{digits}f} {relation} {config.theta:.{digits}f}"


def _kept_reason(steps: int, score: float, config: CarConfig) -> str:
    if config.max_steps == 0:
        return "kept: nothing is judged in a single pass"
    passes = score >= config.theta if config.procedure.keep_equal else score > config.theta
    if not passes:
        return f"kept as the best although its score {below(score, config)}"
    return f"kept after {steps} step{'s' if steps > 1 else ''}"
