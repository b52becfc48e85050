"""Whether a picture is still the one that was answered."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from lexiseg.io.reading import Entry


@dataclass(frozen=True)
class Fingerprint:
    """Size in bytes, times in nanoseconds and content of a file.

    Args:
        size: in bytes.
        modified: when the content was last written, as the file says.
        changed: when anything about the file last changed, which cannot be set back (on Windows:
            when it was made).
        sha256: of the content.
    """

    size: int
    modified: int
    changed: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Take the fingerprint of a file.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(*_stamp(path), digest)

    def fits(self, path: Path) -> bool:
        """Whether the file has this content; it is read only if its size or times differ.

        Raises:
            OSError: it cannot be read.
        """
        if _stamp(path) == (self.size, self.modified, self.changed):
            return True
        return path.stat().st_size == self.size and Fingerprint.of(path).sha256 == self.sha256

    def to_json(self) -> dict[str, object]:
        """Plain data, as a record keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Entry) -> Fingerprint:
        """The inverse of `to_json`.

        Raises:
            KeyError: something is missing.
        """
        size, modified, changed = (int(entry[key]) for key in ("size", "modified", "changed"))
        return cls(size, modified, changed, str(entry["sha256"]))


def _stamp(path: Path) -> tuple[int, int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns
