"""What a run remembers of every picture it answered."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from lexiseg.io.fingerprint import Fingerprint
from lexiseg.io.output_file import open_output
from lexiseg.io.reading import Entry
from lexiseg.io.record import RecordLine, scan_records


@dataclass(frozen=True)
class Answered:
    """A picture with an answer.

    Args:
        image: its absolute path.
        name: file stem of what was written for it.
        files: those files, below the run's folder.
        picture: what was answered; None if that was not told.
        begin: byte where its record begins.
    """

    image: str
    name: str
    files: tuple[str, ...] = ()
    picture: Fingerprint | None = None
    begin: int = 0

    @classmethod
    def of_line(cls, line: RecordLine) -> Answered | None:
        """What a record remembers; None if it names no picture.

        What is missing or damaged counts as not told.
        """
        image = line.notes.get("image") or line.result.path
        if image is None:
            return None
        stem = line.notes.get("name") or Path(image).stem
        files = line.notes.get("files", [])
        listed = tuple(map(str, files)) if isinstance(files, list) else ()
        picture = _fingerprint(line.notes.get("picture", {}))
        return cls(absolute(Path(image)), str(stem), listed, picture, line.begin)

    def at(self, begin: int) -> Answered:
        """The same with the place of its record."""
        return replace(self, begin=begin)

    def differs(self, image: Path) -> bool:
        """Whether the file is another picture now; what is gone cannot be compared."""
        try:
            return self.picture is not None and not self.picture.fits(image)
        except OSError:
            return False

    def to_json(self) -> dict[str, object]:
        """Plain data, as a record keeps it."""
        notes: dict[str, object] = {"image": self.image, "name": self.name, "files": self.files}
        if self.picture:
            notes["picture"] = self.picture.to_json()
        return notes


def absolute(path: Path) -> str:
    """What tells whether two paths mean the same picture."""
    return os.path.normpath(Path.cwd() / path)


def answered_pictures(records: Path) -> dict[str, Answered]:
    """By absolute path; where a picture was recorded twice, the earlier record is removed.

    Raises:
        UsageError: a line before the last is no record.
        OutputError: the records cannot be written.
    """
    if not records.exists():
        return {}
    entries = [entry for line in scan_records(records) if (entry := Answered.of_line(line))]
    latest = {entry.image: entry for entry in entries}
    if len(latest) == len(entries):
        return latest
    drop_records(records, {e.begin for e in entries if latest[e.image].begin != e.begin})
    return answered_pictures(records)


def drop_records(records: Path, begins: Collection[int]) -> None:
    """Remove the records that begin at some bytes, in one step.

    Raises:
        OutputError: the file cannot be written.
    """
    with open_output(records, overwrite=True) as stream:
        for line in scan_records(records):
            if line.begin not in begins:
                stream.write(line.content.rstrip(b"\n") + b"\n")


def _fingerprint(entry: Entry) -> Fingerprint | None:
    try:
        return Fingerprint.from_json(entry)
    except (KeyError, TypeError, ValueError):
        return None
