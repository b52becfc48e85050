"""What a check of a checkpoint found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "MISMATCH", "not checked", "not published"]


@dataclass(frozen=True)
class CheckRow:
    """One line of the table that `lexiseg models verify` prints.

    Attributes:
        check: what was looked at.
        expected: what is published.
        found: what is here.
        tolerance: how far apart they may be.
        source: where it is published; of a check that was left out, what it needs.
        verdict: whether they agree.
    """

    check: str
    expected: str
    found: str
    tolerance: str
    source: str
    verdict: Verdict

    @classmethod
    def exact(cls, check: str, expected: object, found: object, source: str) -> CheckRow:
        """Of two things that must be equal."""
        verdict: Verdict = "ok" if expected == found else "MISMATCH"
        return cls(check, str(expected), str(found), "exact", source, verdict)
