"""Which of the asked names are in an image, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Presence:
    """Whether one asked name is in the image, and why.

    Args:
        name: the label as asked.
        score: confidence in [0, 1] when the decision fell.
        kept: True if the name is in the answer.
        reason: one clause for people, e.g. ``"removed in step 1"``.
        step: recurrence step of the decision, counted from 1; None if the method has no steps.
    """

    name: str
    score: float
    kept: bool
    reason: str
    step: int | None = None

    def to_json(self) -> dict[str, object]:
        """What ``--json`` says of a name."""
        return {
            "name": self.name,
            "score": round(float(self.score), 6),
            "kept": self.kept,
            "reason": self.reason,
        }


class PresenceTrace(Mapping[str, Presence]):
    """`Presence` by name, in the order asked."""

    def __init__(self, entries: Sequence[Presence]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Presence:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"PresenceTrace({list(self._entries.values())!r})"

    @property
    def kept(self) -> tuple[str, ...]:
        """Names in the answer."""
        return tuple(name for name, entry in self._entries.items() if entry.kept)
