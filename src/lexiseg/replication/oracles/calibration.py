"""What the paper leaves to do: another balance of "no object", chosen where labels are.

A bias of its logit, and with it the share of its mask that a candidate must win, are chosen on
scenes of validation under policy A. Beside them stand the other ways to close the gap to the
selection oracle, which say what they cannot do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from lexiseg.analysis.oracles.helps import BASELINE, BIAS, CANDIDATE_NAMES, NO_VOID, SELECTION
from lexiseg.analysis.oracles.levers import Estimate
from lexiseg.replication.oracles.numbers import Place, RowNumbers, difference
from lexiseg.replication.oracles.worker import BALANCE, BIASES, OVERLAP, OVERLAPS, TRIED

Balance = tuple[float, float]
"""Bias of the logit of "no object", and least share of its mask that a candidate must win."""


def run_of(balance: Balance) -> str:
    """Name of the answer under a balance."""
    bias, overlap = balance
    if overlap != OVERLAP:
        return BALANCE.format(bias, overlap)
    return BASELINE if bias == 0 else BIAS.format(bias)


def all_balances() -> tuple[Balance, ...]:
    """Every balance that is measured."""
    biases = [(bias, OVERLAP) for bias in sorted((0.0, *BIASES))]
    return (*biases, *((bias, overlap) for overlap in OVERLAPS for bias in TRIED))


@dataclass(frozen=True)
class Calibration:
    """A balance chosen on one set of scenes, and its worth on another.

    Args:
        chosen_on: validation under policy A.
        measured_on: test under policy B.
    """

    chosen_on: RowNumbers
    measured_on: RowNumbers

    @cached_property
    def curve(self) -> Mapping[Balance, tuple[float, float]]:
        """Balance -> PQ on validation and on the test, in [0, 1]."""
        both = (self.chosen_on.tallies, self.measured_on.tallies)
        values = {
            balance: [tallies.value(tallies.by_run[run_of(balance)]) for tallies in both]
            for balance in all_balances()
        }
        return {balance: (before, here) for balance, (before, here) in values.items()}

    @property
    def bias(self) -> Balance:
        """The best bias on validation, the threshold as it was."""
        return self._best(0, (balance for balance in self.curve if balance[1] == OVERLAP))

    @property
    def balance(self) -> Balance:
        """The best balance on validation."""
        return self._best(0, self.curve)

    @property
    def best_here(self) -> Balance:
        """The best on the test itself, which nobody could have known."""
        return self._best(1, self.curve)

    def _best(self, scenes: int, balances: Iterable[Balance]) -> Balance:
        """Of equals the one that changes least."""
        return max(
            balances,
            key=lambda balance: (self.curve[balance][scenes], balance[1], -abs(balance[0])),
        )

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
        """Part of the gap that the chosen balance closes; NaN without a gap."""
        gap = self.gap.value
        return self.gain(run_of(self.balance)).value / gap if gap > 0 else float("nan")

    @property
    def parts(self) -> Mapping[str, Estimate]:
        """What each way to close the gap is worth on the test."""
        runs = {
            "the chosen bias": run_of(self.bias),
            "the chosen bias and overlap": run_of(self.balance),
            "the best of both on these very scenes": run_of(self.best_here),
            "no object is no choice at all": NO_VOID,
            "candidates that fit have their true names, the choice as it was": CANDIDATE_NAMES,
            "the best candidates (oracle)": SELECTION,
        }
        return {label: self.gain(run) for label, run in runs.items()}
