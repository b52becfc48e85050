"""Many images through one method: one bad image never stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lexiseg.errors import LexisegError, OutputError
from lexiseg.io.fingerprint import Fingerprint
from lexiseg.io.image import read_image, require_file, shown
from lexiseg.io.run_folder import RunFolder
from lexiseg.io.samples import ImageArray
from lexiseg.types import Result

Read = Callable[[Path], ImageArray]
Answer = Callable[[ImageArray], Result]
FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class Failure:
    """An image without an answer, and the reason in one line that names it."""

    path: Path
    reason: str


def answer_images(
    images: Sequence[Path],
    load: Callable[[], Answer],
    folder: RunFolder | None = None,
    *,
    read: Read = read_image,
    debug: bool = False,
) -> Iterator[Result | Failure]:
    """Answer every image that is not done yet, one by one as the outcomes are taken.

    Args:
        images: files to read.
        load: loads the method, once there is an image that could be read, and gives the function
            that answers (H, W, 3) uint8 RGB.
        folder: where to write; None to write nothing.
        read: how images are read.
        debug: let the first failure stop the run, with its traceback.

    Yields:
        The outcome for each image: what is missing first, the others in their order; answers of
        an earlier call come from the folder.

    Raises:
        OutputError: the folder cannot be written.
        LexisegError: what `load` raises.
    """
    run = _Run(load, read, folder, folder.prepare(images) if folder else {}, debug)
    failures: dict[Path, str] = {}
    for path in sorted(images, key=_is_there):
        outcome = run.outcome(path)
        if isinstance(outcome, Failure):
            failures[path] = outcome.reason
        yield outcome
    if folder:
        folder.finish(failures)
        folder.report(failures)


@dataclass
class _Run:
    load: Callable[[], Answer]
    read: Read
    folder: RunFolder | None
    names: dict[Path, str]
    debug: bool
    solve: Answer | None = None

    def outcome(self, path: Path) -> Result | Failure:
        earlier = self.attempt(self.earlier, path)
        return self.answer(path) if earlier is None else earlier

    def earlier(self, path: Path) -> Result | None:
        return self.folder.finished(path, self.read) if self.folder else None

    def answer(self, path: Path) -> Result | Failure:
        seen = self.attempt(self.look, path)
        if isinstance(seen, Failure):
            return seen
        picture, pixels = seen
        solve = self.solve = self.solve or self.load()
        result = self.attempt(lambda path: replace(solve(pixels), path=path), path)
        if self.folder and not isinstance(result, Failure):
            self.folder.add(result, self.names[path], picture)
        return result

    def look(self, path: Path) -> tuple[Fingerprint, ImageArray]:
        require_file(path)
        return Fingerprint.of(path), self.read(path)

    def attempt(self, step: Callable[[Path], FoundT], path: Path) -> FoundT | Failure:
        """What a step gives for one image, or the reason, said in one line, why nothing."""
        try:
            return step(path)
        except OutputError:  # concerns every image
            raise
        except Exception as error:  # whatever one image causes, the others get their answer
            if self.debug:
                raise
            return Failure(path, _reason(error, shown(path)))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def _reason(error: Exception, image: str) -> str:
    """One line that names the image once."""
    text = (str(error).splitlines() or [""])[0]
    if isinstance(error, LexisegError):
        return text if image in text else f"{image}: {text}"
    return f"{image}: {type(error).__name__}: {text}"
