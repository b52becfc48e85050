"""One line per image, appended so that an interrupted run loses nothing."""

from __future__ import annotations

from lexiseg.io.record_file import Record, RecordFile

__all__ = ["Record", "RecordFile"]
