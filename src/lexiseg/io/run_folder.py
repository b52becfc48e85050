"""A folder that holds one run: resumable, and nothing in it is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lexiseg.errors import OutputError
from lexiseg.io.image import shown
from lexiseg.io.manifest import Manifest
from lexiseg.io.record import (
    RECORDS,
    append_record,
    locate_records,
    read_record_at,
    read_records,
)
from lexiseg.io.writer import json_text, write_text
from lexiseg.registry import WRITERS
from lexiseg.types import Result

RUN = "run.json"
FAILED = "failed.txt"


@dataclass(frozen=True)
class Job:
    """What a run was asked to do; two runs with equal jobs continue each other.

    Args:
        verb: "segment" or "refer".
        method: name of the method.
        preset: its weights.
        texts: names with their wordings, or sentences.
        settings: overrides of the method's config.
        formats: writers to call.
    """

    verb: str
    method: str
    preset: str
    texts: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]
    formats: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data, as stored in the run folder."""
        plain: dict[str, Any] = json.loads(json.dumps(vars(self), default=dict))
        return plain


@dataclass
class RunFolder:
    """A folder that holds one run: its job, one record per finished image, and its files.

    Args:
        path: made when the run opens.
        job: what was asked.
        replaces: files that are there may be replaced, because they are this run's own or
            because the user said so; in a folder that is new to the run they may not.
        clears: what an older run wrote here goes once this run has its first answer.
        done: by the image's absolute path, its path as recorded and where its record begins;
            the results themselves stay on disk.
    """

    path: Path
    job: Job
    replaces: bool = False
    clears: bool = False
    done: dict[str, tuple[Path, int]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, job: Job, *, overwrite: bool) -> RunFolder:
        """Start a run in a new folder, or continue the same run.

        Raises:
            OutputError: the folder holds another run, or cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            run = cls(path, job, overwrite or (path / RUN).exists(), clears=overwrite)
            if (path / RUN).exists() and not overwrite:
                run._continue()
            elif (path / RECORDS).exists() and not overwrite:
                raise run._conflict()
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"Folder {shown(path)} cannot be written ({reason}); choose another."
            ) from error
        return run

    def _continue(self) -> None:
        if json.loads((self.path / RUN).read_text(encoding="utf-8")) != self.job.to_json():
            raise self._conflict()
        if (self.path / RECORDS).exists():
            self.done = {
                _absolute(result.path): (result.path, begin)
                for begin, result in locate_records(self.path / RECORDS)
                if result.path
            }

    def names(self, images: Sequence[Path]) -> dict[Path, str]:
        """A file stem per image; those finished earlier keep theirs to themselves."""
        known = [path for path, _ in self.done.values()]
        return unique_stems(
            [*known, *(path for path in images if _absolute(path) not in self.done)]
        )

    def finished(self, image: Path) -> Result | None:
        """The answer for an image, if an earlier call wrote it."""
        place = self.done.get(_absolute(image))
        return None if place is None else read_record_at(self.path / RECORDS, place[1])

    def _conflict(self) -> OutputError:
        return OutputError(
            f"Folder {self.path} holds a run with other names or settings; choose another "
            "folder with -o, or add --overwrite."
        )

    def add(self, result: Result, name: str) -> None:
        """Write the files of one image, then its record, so that a record means finished."""
        self._start()
        self._write("image", lambda: [result], name)
        append_record(self.path / RECORDS, result)

    def _start(self) -> None:
        """Before the first answer: make way, and say what was asked."""
        if self.clears:
            for name in (RECORDS, RUN):  # first, as a record means that its files are there
                (self.path / name).unlink(missing_ok=True)
            Manifest(self.path).clear()
            self.clears = False
        if not (self.path / RUN).exists():
            write_text(self.path / RUN, json_text(self.job.to_json(), indent=1))

    def _write(self, scope: str, results: Callable[[], Iterable[Result]], name: str) -> None:
        for choice in self.job.formats:
            writer = WRITERS[choice]
            if writer.scope == scope:
                written = writer(results(), self.path, name=name, overwrite=self.replaces)
                Manifest(self.path).add(written)

    def report(self, failures: Mapping[Path, str]) -> None:
        """Write ``failed.txt``: a list of the images that failed, which a later call can take."""
        path = self.path / FAILED
        ours = Manifest(self.path).holds(path)
        if failures:
            entries = (f"# {reason}\n{image}\n" for image, reason in failures.items())
            write_text(path, "".join(entries), overwrite=self.replaces or ours)
            Manifest(self.path).add([] if ours else [path])
        elif ours:
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Write the files that cover the whole run."""
        if self.clears or not (self.path / RECORDS).exists():
            return
        self._write("collection", lambda: read_records(self.path / RECORDS), "annotations")


def _absolute(path: Path) -> str:
    return os.path.normpath(Path.cwd() / path)


def unique_stems(images: Sequence[Path]) -> dict[Path, str]:
    """A file stem per image; images of equal name in different folders get their folders too."""
    counts: dict[str, int] = {}
    for path in images:
        counts[path.stem] = counts.get(path.stem, 0) + 1
    taken: set[str] = set()
    stems = {}
    for path in images:
        stem = path.stem if counts[path.stem] == 1 else "-".join((path.parent.name, path.name))
        while stem in taken:
            stem += "_"
        taken.add(stem)
        stems[path] = stem
    return stems


def default_folders(base: Path) -> Iterator[Path]:
    """The folder of that name, then numbered ones."""
    yield base
    number = 2
    while True:
        yield base.with_name(f"{base.name}-{number}")
        number += 1


def open_default(base: Path, job: Job) -> RunFolder:
    """The first folder of the series that is free or holds the same run."""
    for path in default_folders(base):
        try:
            return RunFolder.open(path, job, overwrite=False)
        except OutputError:
            if not os.access(path.parent, os.W_OK):
                raise
    raise AssertionError("the series of folders does not end")
