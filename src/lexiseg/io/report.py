"""What became of a file's contents: what was read and written, what was left out and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lexiseg.errors import UsageError, in_one_line
from lexiseg.io.image import shown
from lexiseg.types import Result

Kind = Literal["picture", "region", "category"]
_PLURAL = {"picture": "pictures", "region": "regions", "category": "categories"}
_KEPT_IN_FULL = 1000  # skips of one reason; beyond, only their number is kept


@dataclass(frozen=True)
class Skip:
    """One picture or region that was left out.

    Args:
        kind: "picture", "region", or "category" of a table.
        reason: a short phrase that is the same for all of its kind, e.g. "box without mask".
        file: where the entry stands.
        entry: which one, e.g. "annotation 7"; empty for a whole file.
        detail: what else helps to find the fault.
    """

    kind: Kind
    reason: str
    file: Path
    entry: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (shown(self.file), self.entry) if part)
        return in_one_line(f"{where}: {self.reason}" + (f" ({self.detail})" * bool(self.detail)))


@dataclass
class Tally:
    """Pictures and regions counted."""

    pictures: int = 0
    regions: int = 0

    def add(self, result: Result) -> None:
        """Count one result."""
        self.pictures += 1
        self.regions += len(result.instances)

    def __str__(self) -> str:
        return f"{_count(self.pictures, 'picture')} and {_count(self.regions, 'region')}"


@dataclass
class Report:
    """The account of one reading, filled while results are read and written.

    Args:
        strict: the first entry that would be left out is an error instead.
        read: what readers gave.
        written: what writers took.
        skips: what was left out; at most a thousand of each reason are kept in full.
        notes: what was mended on the way, one sentence each.

    Example:
        >>> report = Report()
        >>> report.skip(Skip("region", "box without mask", Path("a.json"), "annotation 7"))
        >>> report.summary()
        '0 pictures and 0 regions read; left out: 1 region (box without mask)'
    """

    strict: bool = False
    read: Tally = field(default_factory=Tally)
    written: Tally = field(default_factory=Tally)
    skips: list[Skip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _counts: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def skip(self, skip: Skip) -> None:
        """Note one picture or region that is left out.

        Raises:
            UsageError: with `strict`.
        """
        if self.strict:
            raise UsageError(f"{skip}; mend it, or read without strict to leave it out.")
        self._counts[skip.kind, skip.reason] += 1
        if self._counts[skip.kind, skip.reason] <= _KEPT_IN_FULL:
            self.skips.append(skip)

    def note(self, sentence: str) -> None:
        """Say what was mended or read in a way that is not a matter of course."""
        self.notes.append(sentence)

    @property
    def skipped(self) -> dict[str, int]:
        """How often each reason occurred."""
        totals: Counter[str] = Counter()
        for (_, reason), count in self._counts.items():
            totals[reason] += count
        return dict(totals)

    def summary(self) -> str:
        """The account in one line."""
        parts = [f"{self.read} read" + (f", {self.written} written" if self._wrote else "")]
        for kind in _PLURAL:
            reasons = {why: count for (what, why), count in self._counts.items() if what == kind}
            if reasons:
                listed = ", ".join(
                    why if len(reasons) == 1 else f"{why}: {count}"
                    for why, count in reasons.items()
                )
                parts.append(f"left out: {_count(sum(reasons.values()), kind)} ({listed})")
        return "; ".join(parts)

    @property
    def _wrote(self) -> bool:
        return self.written.pictures > 0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else _PLURAL[noun]}"
