"""A folder that holds one run: it resumes, and replaces nothing but its own files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from lexiseg.errors import OutputError, UsageError
from lexiseg.io.fingerprint import Fingerprint
from lexiseg.io.folder_lock import FolderInUseError, FolderLock
from lexiseg.io.image import read_image, shown
from lexiseg.io.list_file import list_entry
from lexiseg.io.manifest import Manifest
from lexiseg.io.output_file import PART, json_text
from lexiseg.io.reading import Entry
from lexiseg.io.record import RECORDS, append_record, read_record_at, read_records
from lexiseg.io.run_log import Answered, absolute, answered_pictures, drop_records
from lexiseg.io.samples import ImageArray
from lexiseg.io.writer import Destination, unique_stems
from lexiseg.registry import WRITERS
from lexiseg.types import Recipe, Result

RUN = "run.json"
FAILED = "failed.txt"


class OtherRunError(OutputError):
    """A folder holds what this run cannot continue."""


@dataclass(frozen=True)
class Job:
    """What a run was asked to do; two runs with equal jobs continue each other.

    Args:
        verb: "segment", "refer" or "label".
        method: name of the method.
        preset: its weights.
        texts: names with their wordings, or sentences.
        settings: overrides of the method's config.
        formats: writers to call.
        rules: what names compete with, and their cut-offs.
    """

    verb: str
    method: str
    preset: str
    texts: Mapping[str, Sequence[str]]
    settings: Mapping[str, object]
    formats: Sequence[str]
    rules: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain data, as stored in the run folder."""
        plain: dict[str, object] = json.loads(json.dumps(vars(self), default=dict))
        return plain


class RunFolder:
    """A folder that holds one run: its job, one record per finished image, and its files.

    Nobody else can open it before it is closed; used as a context manager, it closes itself.

    Args:
        path: made if absent; gone again at the end if nothing was written.
        job: what was asked.
        overwrite: what an older run wrote here goes once this run has its first answer, and
            files of others may be replaced.

    Raises:
        OtherRunError: the folder holds another run, or a damaged one.
        FolderInUseError: another process writes into it.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, job: Job, *, overwrite: bool = False) -> None:
        self.path = path
        self.job = job
        self._overwrite = overwrite
        self._clears = overwrite
        self._recipe: Recipe | None = None
        self._lock = _locked(path)
        try:
            self._manifest = Manifest(path, overwrite=overwrite)
            self._files = Destination(path, "", overwrite, manifest=self._manifest)
            self._done = {} if overwrite else self._earlier_answers()
            self._sweep()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let others write into the folder."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _earlier_answers(self) -> dict[str, Answered]:
        run, records = self.path / RUN, self.path / RECORDS
        here = [path for path in (run, records) if path.exists()]
        if not here:
            self._check_whose()
            return {}
        if not all(map(self._manifest.holds, here)):
            raise self._other(f"{here[0].name} of another program or version")
        stored = self._stored_run()
        if {key: stored[key] for key in stored if key != "recipe"} != self.job.to_json():
            raise self._other("a run with other names or settings")
        return answered_pictures(records)

    def _check_whose(self) -> None:
        """A run in which nothing was answered can have left nothing but its failures."""
        if self._manifest.holds(self.path / RUN):
            return
        if any(path != self.path / FAILED for path in self._manifest):
            raise self._other("what evaluate or analyze wrote")

    def _stored_run(self) -> Entry:
        try:
            stored = json.loads((self.path / RUN).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise self._other(f"a run whose {RUN} is damaged or missing") from error
        if not isinstance(stored, dict):
            raise self._other(f"a run whose {RUN} is damaged")
        return stored

    def _other(self, what: str) -> OtherRunError:
        return OtherRunError(
            f"Folder {self.path} holds {what}; choose another folder with -o, or add --overwrite."
        )

    def _sweep(self) -> None:
        """Remove what a killed run left half-written."""
        for folder in {path.parent for path in (self.path / RUN, *self._manifest)}:
            for part in folder.glob(f"{PART}*"):
                part.unlink(missing_ok=True)

    def prepare(self, images: Sequence[Path]) -> dict[Path, str]:
        """Forget the answers for pictures that have changed since, and name the new ones.

        Returns:
            A file stem for each image without an answer; those finished keep theirs.
        """
        known = {path: self._done.get(absolute(path)) for path in images}
        self._forget([entry for path, entry in known.items() if entry and entry.differs(path)])
        new = [path for path in images if absolute(path) not in self._done]
        return unique_stems(new, taken=[entry.name for entry in self._done.values()])

    def _forget(self, entries: Sequence[Answered]) -> None:
        if not entries:
            return
        drop_records(self.path / RECORDS, {entry.begin for entry in entries})
        self._manifest.remove(self.path / name for entry in entries for name in entry.files)
        self._done = answered_pictures(self.path / RECORDS)

    def finished(
        self, image: Path, read: Callable[[Path], ImageArray] = read_image
    ) -> Result | None:
        """The answer for an image, if an earlier call wrote it; its files are made complete.

        Args:
            image: path.
            read: reads it where a file has to be drawn again.

        Raises:
            OutputError: a file that is missing cannot be written again.
            ImageError: it needs the picture, which is gone.
        """
        entry = self._done.get(absolute(image))
        if entry is None:
            return None
        result = read_record_at(self.path / RECORDS, entry.begin)
        if not all((self.path / name).exists() for name in entry.files):
            drawn = replace(result, image=read(image))
            self._write("image", lambda: [drawn], entry.name)
        return result

    def add(self, result: Result, name: str, picture: Fingerprint | None = None) -> None:
        """Write the files of one image, then its record, so that a record means finished.

        Args:
            result: the answer.
            name: file stem.
            picture: what was answered.

        Raises:
            OutputError: a file cannot be written, or is there and not of this run; then nothing
                of this image is written.
        """
        with self._all_or_nothing():
            self._start(result.recipe)
            files = self._write("image", lambda: [result], name)
            if not self._done:  # claims their names before hours have passed
                self._write("collection", lambda: [result], "annotations")
            listed = tuple(path.relative_to(self.path).as_posix() for path in files)
            entry = Answered(absolute(result.path or Path(name)), name, listed, picture)
            begin = append_record(self.path / RECORDS, result, entry.to_json())
        self._done[entry.image] = entry.at(begin)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        before = set(self._manifest)
        try:
            yield
        except BaseException:
            self._manifest.remove([path for path in self._manifest if path not in before])
            raise

    def _start(self, recipe: Recipe) -> None:
        """Before the first answer: make way, and say what was asked and of what method.

        Raises:
            OtherRunError: answers made by another recipe are in the folder.
        """
        run, records = self.path / RUN, self.path / RECORDS
        if self._clears:
            for path in (records, run):  # first, as a record means that its files are there
                path.unlink(missing_ok=True)
            self._manifest.remove(list(self._manifest))
            self._clears = False
        if not self._manifest.holds(run):
            stored = {**self.job.to_json(), "recipe": recipe.to_json()}
            self._files.text(run, json_text(stored, indent=1))
            self._manifest.add(records)
            self._recipe = recipe
        self._check(recipe)

    def _check(self, recipe: Recipe) -> None:
        if self._recipe is None:
            try:
                self._recipe = Recipe.from_json(self._stored_run().get("recipe", {}))
            except UsageError as error:
                raise self._other(f"a run whose {RUN} is damaged") from error
        others = self._recipe.differences(recipe)
        if others:
            raise self._other(f"a run made with another recipe ({'; '.join(others[:3])})")

    def _write(
        self,
        scope: str,
        results: Callable[[], Iterable[Result]],
        name: str,
        failures: Mapping[Path, str] | None = None,
    ) -> list[Path]:
        written: list[Path] = []
        how = {
            "name": name,
            "overwrite": self._overwrite,
            "manifest": self._manifest,
            "failures": failures,
        }
        for choice in self.job.formats:
            if WRITERS[choice].scope == scope:
                written += WRITERS[choice](results(), self.path, **how)
        self._manifest.add(*written)
        return written

    def report(self, failures: Mapping[Path, str]) -> None:
        """Write ``failed.txt``: a list of the images that failed, which a later call can take."""
        path = self.path / FAILED
        if failures:
            entries = (f"# {reason}\n{list_entry(image)}\n" for image, reason in failures.items())
            self._files.text(path, "".join(entries))
        else:
            self._manifest.remove([path])

    def finish(self, failures: Mapping[Path, str]) -> None:
        """Write the files that cover the whole run, and take away what covered an older state.

        Args:
            failures: pictures without an answer, with the reasons.
        """
        if not self._done:
            return
        records = self.path / RECORDS
        written = self._write("collection", lambda: read_records(records), "annotations", failures)
        of_images = {self.path / name for entry in self._done.values() for name in entry.files}
        current = {*written, *of_images, records, self.path / RUN, self.path / FAILED}
        self._manifest.remove([path for path in self._manifest if path not in current])


def _locked(path: Path) -> FolderLock:
    try:
        if path.exists() and not path.is_dir():
            raise OtherRunError(f"{shown(path)} is a file and cannot be written as a folder.")
        return FolderLock(path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"Folder {shown(path)} cannot be written ({reason}); choose another with -o."
        ) from error


def default_folders(base: Path) -> Iterator[Path]:
    """The folder of that name, then numbered ones."""
    yield base
    for number in count(2):
        yield base.with_name(f"{base.name}-{number}")


def open_default(base: Path, job: Job, *, overwrite: bool = False) -> RunFolder:
    """The first folder of a series that is free or holds the same run; to overwrite, its first.

    Raises:
        OutputError: folders cannot be made here.
    """
    for path in default_folders(base):
        try:
            return RunFolder(path, job, overwrite=overwrite)
        except (OtherRunError, FolderInUseError):
            if overwrite:
                raise
    raise AssertionError("the series of folders does not end")
