"""Pictures answered by the machines of a Ray cluster, one row of Parquet each.

Ray Data hands the parts of a job to actors, each with the method loaded once. An actor reads which
pictures of its part have rows already, answers the others and replaces the part's file
(`lexiseg.io.part_folder`). So a job that was stopped in any way goes on where it was, whatever
became of Ray's own state.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.errors import LexisegError
from lexiseg.integrations.ray_cluster import (
    IN_FLIGHT,
    check_recipe,
    cluster,
    columns,
    needs_of,
    settle,
    spread,
)
from lexiseg.io.addresses import is_address, read_address
from lexiseg.io.answering import MethodCall, Picture, encoded_together, in_batches, reason_of
from lexiseg.io.fingerprint import Fingerprint
from lexiseg.io.image import require_file
from lexiseg.io.overlap import ahead
from lexiseg.io.parquet import Row, row_of, row_of_failure
from lexiseg.io.part_folder import PartFolder, parts_of
from lexiseg.io.run_folder import Job
from lexiseg.io.samples import ImageArray
from lexiseg.models.device import usual_batch
from lexiseg.types import Recipe

if TYPE_CHECKING:
    import pyarrow

_AHEAD = 2  # pictures that are fetched and decoded before they are due
_AT_ONCE = 256  # pictures that are lost, at most, with their actor
ENDED = "its process ended while it was answered"


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Args:
        path: as it was given.
        reason: why it has no answer; None if it has one.
        earlier: an earlier call had answered it.
    """

    path: str
    reason: str | None = None
    earlier: bool = False


@dataclass(frozen=True)
class _Work:
    """What every actor is told."""

    call: MethodCall
    read: Callable[[Path | bytes], ImageArray]
    folder: PartFolder
    recipe: Recipe
    place: str  # where relative paths begin
    batch: int | None
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)


def answer_pictures(
    paths: Sequence[str],
    call: MethodCall,
    folder: PartFolder,
    job: Job,
    *,
    read: Callable[[Path | bytes], ImageArray],
    device: str = "auto",
    workers: int | None = None,
    batch: int | None = None,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Answer every picture that has no answer yet, on the cluster that Ray finds.

    Args:
        paths: of files that all machines have, or addresses that fsspec opens.
        call: what of which method; it is sent to the actors.
        folder: where the rows go.
        job: what is asked, which later calls are compared with.
        read: makes (H, W, 3) uint8 RGB of a path or of a file's bytes.
        device: "auto" has an actor per GPU, if there are any, and "cpu" one per core.
        workers: actors; by default as many as there are GPUs or cores.
        batch: pictures that an actor encodes together; by default `usual_batch` of its device.
        overwrite: what an earlier job wrote into the folder goes.

    Yields:
        An outcome per picture, in any order, once its row is written.

    Raises:
        MissingExtraError: Ray is not installed.
        OutputError: the folder is for another job or recipe.
        LexisegError: the method cannot be loaded, or the rows cannot be written.
    """
    with cluster():
        needs = needs_of(device)
        recipe = _recipe(call, needs)
        count = folder.bind(job, recipe, len(paths), overwrite=overwrite)
        work = _Work(call, read, folder, recipe, str(Path.cwd()), batch)
        shares = [
            {"part": part.number, "id": list(part.pictures), "path": list(part.pictures.values())}
            for part in parts_of(paths, count)
        ]
        for table in spread(shares, _Answerer, work, needs, workers):
            for row in table.to_pylist():
                if row["stop"] is not None:
                    raise LexisegError(row["stop"])
                yield Outcome(row["path"], row["reason"], row["earlier"])


@dataclass(frozen=True)
class _Seen:
    """A picture that was read."""

    path: str
    pixels: ImageArray
    sha256: str


class _Answerer:
    """An actor: answers the pictures of one part after the other."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._stop: str | None = None
        self._careful = IN_FLIGHT if _was_restarted() else 0
        try:
            settle(work.place)
            method = work.call.load()
            check_recipe(work.recipe, method.recipe())
            self._answer = work.call.of(method)
            self._batch = work.batch or usual_batch(method.recipe().device)
        except LexisegError as error:
            self._stop = str(error)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        """Answer a part, and say what became of each picture."""
        (share,) = batch.to_pylist()
        pictures = dict(zip(share["id"], share["path"], strict=True))
        found: Mapping[str, object] = {}
        if self._stop is None:
            try:
                found = self._answer_part(share["part"], pictures)
            except LexisegError as error:  # concerns all pictures
                self._stop = str(error)
        return columns(
            path=pictures.values(),
            reason=[found.get(name) for name in pictures],
            earlier=[name not in found for name in pictures],
            stop=[self._stop] * len(pictures),
        )

    def _answer_part(self, part: int, pictures: Mapping[str, str]) -> Mapping[str, object]:
        """Answer what has no answer: ids of these pictures with the reasons of failures."""
        work = self._work
        kept = work.folder.rows(part, work.attempt)
        done = set(kept["id"].to_pylist())
        todo = [path for name, path in pictures.items() if name not in done]
        rows: list[Row] = []
        written = 0

        def write(*more: Row) -> None:
            work.folder.write(part, kept, [*rows, *more], work.recipe, work.attempt)

        for seen in self._seen(todo, write):
            rows += self._rows(seen)
            if len(rows) - written >= _AT_ONCE:
                write()
                written = len(rows)
        if rows:
            write()
        self._careful = max(0, self._careful - 1)
        failed = kept.filter(kept["error"].is_valid())
        noted = dict(zip(failed["id"].to_pylist(), failed["error"].to_pylist(), strict=True))
        return noted | {str(row["id"]): row["error"] for row in rows}

    def _seen(
        self, paths: Sequence[str], write: Callable[[Row], None]
    ) -> Iterable[list[_Seen | Row]]:
        """Pictures that were read, a batch at a time.

        In an actor that was started again, one of the next pictures may be what ended it: then the
        picture has a row that says so before it is touched, and is not touched again.
        """
        if not self._careful:
            batches = in_batches(paths, self._batch)
            return ahead(self._look_all, batches, max(1, _AHEAD // self._batch))

        def look(path: str) -> list[_Seen | Row]:
            write(row_of_failure(path, f"{path}: {ENDED}."))
            return [self._look(path)]

        return map(look, paths)

    def _look_all(self, paths: Sequence[str]) -> list[_Seen | Row]:
        return [self._look(path) for path in paths]

    def _look(self, path: str) -> _Seen | Row:
        try:
            return _Seen(path, *self._read(path))
        except Exception as error:  # a bad picture is a row
            return row_of_failure(path, reason_of(error, path))

    def _read(self, path: str) -> tuple[ImageArray, str]:
        if is_address(path):
            content = read_address(path)
            return self._work.read(content), hashlib.sha256(content).hexdigest()
        require_file(Path(path))
        return self._work.read(Path(path)), Fingerprint.of(Path(path)).sha256

    def _rows(self, seen: Sequence[_Seen | Row]) -> list[Row]:
        images = [one.pixels for one in seen if isinstance(one, _Seen)]
        pictures = iter(encoded_together(self._answer.method, images))
        return [self._row(one, next(pictures)) if isinstance(one, _Seen) else one for one in seen]

    def _row(self, seen: _Seen, picture: Picture) -> Row:
        try:
            return row_of(self._answer(picture), seen.sha256, seen.path)
        except Exception as error:  # whatever one picture causes, the others get their answer
            return row_of_failure(seen.path, reason_of(error, seen.path))


def _was_restarted() -> bool:
    """Whether the actor that asks has ended once before."""
    import ray

    return bool(ray.get_runtime_context().was_current_actor_reconstructed)


def _recipe(call: MethodCall, needs: Mapping[str, float]) -> Recipe:
    """What decides the answers, as a machine of the cluster says that is like the actors'."""
    import ray

    ask = ray.remote(max_calls=1, **needs)(_recipe_or_reason)  # its process ends, and frees memory
    found: Recipe | str = ray.get(ask.remote(call, str(Path.cwd())))
    if isinstance(found, str):
        raise LexisegError(found)
    return found


def _recipe_or_reason(call: MethodCall, place: str) -> Recipe | str:
    settle(place)
    try:
        return call.load().recipe()
    except LexisegError as error:
        return str(error)
