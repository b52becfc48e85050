"""What the paper leaves to do: another balance of "no object", chosen where labels are.

The bias is chosen on scenes of validation under policy A. Beside it stand the other ways to close
the gap to the selection oracle, which say what the bias cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lexiseg.analysis.oracles.helps import BASELINE, BIAS, CANDIDATE_NAMES, NO_VOID, SELECTION
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.replication.oracles.numbers import Place, RowNumbers, difference
from lexiseg.replication.oracles.worker import BIASES


def run_of(bias: float) -> str:
    """Name of the answer under a bias of the logit of "no object"."""
    return BASELINE if bias == 0 else BIAS.format(bias)


@dataclass(frozen=True)
class Calibration:
    """A bias chosen on one set of scenes, and its worth on another.

    Args:
        chosen_on: validation under policy A.
        measured_on: test under policy B.
    """

    chosen_on: RowNumbers
    measured_on: RowNumbers

    @cached_property
    def curve(self) -> Mapping[float, tuple[float, float]]:
        """Bias -> PQ on validation and on the test, in [0, 1]."""
        return {
            bias: (
                self.chosen_on.tallies.value(self.chosen_on.tallies.by_run[run_of(bias)]),
                self.measured_on.tallies.value(self.measured_on.tallies.by_run[run_of(bias)]),
            )
            for bias in sorted((0.0, *BIASES))
        }

    @property
    def bias(self) -> float:
        """The best on validation; of equals the one that changes least."""
        return max(self.curve, key=lambda bias: (self.curve[bias][0], -abs(bias)))

    @property
    def best_here(self) -> float:
        """The best on the test itself, which nobody could have known."""
        return max(self.curve, key=lambda bias: (self.curve[bias][1], -abs(bias)))

    def gain(self, run: str) -> Estimate:
        """What an answer is better than the one as it is, on the test."""
        here = self.measured_on
        return difference([Place(here, run), Place(here, BASELINE, sign=-1)])

    @property
    def gap(self) -> Estimate:
        """What the selection oracle gains."""
        return self.gain(SELECTION)

    @property
    def names(self) -> Estimate:
        """What true names would gain for candidates that fit, the choice as it was."""
        return self.gain(CANDIDATE_NAMES)

    @property
    def share(self) -> float:
        """Part of the gap that the chosen bias closes; NaN without a gap."""
        gap = self.gap.value
        return self.gain(run_of(self.bias)).value / gap if gap > 0 else float("nan")

    @property
    def parts(self) -> Mapping[str, Estimate]:
        """What each other way to close it is worth on the test."""
        return {
            "the chosen bias": self.gain(run_of(self.bias)),
            "the best bias of these very scenes": self.gain(run_of(self.best_here)),
            "no object is no choice at all": self.gain(NO_VOID),
            "candidates that fit have their true names, the choice as it was": self.names,
            "the best candidates (oracle)": self.gap,
        }
