"""What a run tells people about one image."""

from __future__ import annotations

from lexiseg.io.image import shown
from lexiseg.types import Result


def summary(result: Result) -> str:
    """One line for people: what was found, and what is not there."""
    verdicts = result.presence.values()
    found = [f"{_brief(entry.name)} {entry.score:.2f}" for entry in verdicts if entry.kept]
    absent = [_brief(entry.name) for entry in verdicts if not entry.kept]
    parts = [", ".join(found) or "nothing found"]
    if absent:
        more = f" and {len(absent) - 8} more" if len(absent) > 8 else ""
        parts.append(f"not here: {', '.join(absent[:8])}{more}")
    where = f"{shown(result.path)}: " if result.path else ""
    return where + " | ".join(parts)


def _brief(name: str) -> str:
    """A name that a terminal can show in a line of many."""
    line = "".join(c if c.isprintable() else " " for c in name)
    return line if len(line) <= 60 else f"{line[:57]}..."
