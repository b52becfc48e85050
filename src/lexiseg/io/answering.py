"""Many images through one method: one bad image never stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lexiseg.errors import LexisegError
from lexiseg.io.image import shown
from lexiseg.io.run_folder import RunFolder
from lexiseg.types import Result

Answer = Callable[[Path], Result]


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
    debug: bool = False,
) -> Iterator[Result | Failure]:
    """Answer every image that is not done yet, one by one as the outcomes are taken.

    Args:
        images: files to read.
        load: loads the method when the first image needs it, and gives the function that
            answers one image.
        folder: where to write; None to write nothing.
        debug: let the first failure stop the run, with its traceback.

    Yields:
        The outcome for each image, in their order; those finished earlier come from the folder.

    Raises:
        OutputError: the folder cannot be written.
        LexisegError: what `load` raises.
    """
    names = folder.names(images) if folder else {}
    failures: dict[Path, str] = {}
    solve: Answer | None = None
    for path in images:
        outcome: Result | Failure | None = folder.finished(path) if folder else None
        if outcome is None:
            solve = solve or load()
            outcome = _attempt(solve, path, debug=debug)
            if isinstance(outcome, Failure):
                failures[path] = outcome.reason
            elif folder:
                folder.add(outcome, names[path])
        yield outcome
    if folder:
        folder.finish()
        folder.report(failures)


def _attempt(solve: Answer, path: Path, *, debug: bool) -> Result | Failure:
    """The answer for one image, or the reason, said in one line, why there is none."""
    try:
        return solve(path)
    except Exception as error:  # whatever one image causes, the others still get their answer
        if debug:
            raise
        return Failure(path, _reason(error, shown(path)))


def _reason(error: Exception, image: str) -> str:
    """One line that names the image once."""
    text = (str(error).splitlines() or [""])[0]
    if isinstance(error, LexisegError):
        return text if image in text else f"{image}: {text}"
    return f"{image}: {type(error).__name__}: {text}"
