"""How the program ends: its exit codes, and a sentence for every end that is no success."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path

import typer

from lexiseg.cli import console
from lexiseg.errors import LexisegError


class ExitCode(IntEnum):
    """What the shell is told; README lists them."""

    DONE = 0
    SOME_FAILED = 1
    WRONG_CALL = 2
    NO_ROOM = 3
    DECLINED = 4
    INTERRUPTED = 130  # as shells number Ctrl-C
    PIPE_CLOSED = 141  # as shells number a reader that has gone


_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}


class EarlyEndError(Exception):
    """The program stops before it is done, through no mistake of anybody's.

    Args:
        code: for the shell.
        sentence: for people.
    """

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def resumable(folder: Path | str | None) -> Iterator[None]:
    """Say on Ctrl-C where the finished part is; without a folder nothing is kept."""
    try:
        yield
    except KeyboardInterrupt as error:
        if folder is None:
            raise
        raise EarlyEndError(
            ExitCode.INTERRUPTED,
            f"Interrupted; what was finished is in {folder}, and the same command resumes.",
        ) from error


def tell_end(images: int, failures: int, where: object) -> None:
    """Say how a run ended, and leave with 1 if some images failed.

    Args:
        images: all of them.
        failures: those without an answer.
        where: the folder; None if nothing was written.
    """
    failed = f", {failures} failed" if failures else ""
    place = f" -> {where}" if where else ""
    console.tell(f"{images - failures} of {images} images done{failed}{place}")
    if failures:
        raise typer.Exit(ExitCode.SOME_FAILED)


def ending_of(error: BaseException) -> tuple[ExitCode, str]:
    """Exit code and sentence of whatever stopped the program."""
    if isinstance(error, EarlyEndError):
        return error.code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "Interrupted; no file is left half-written."
    if isinstance(error, BrokenPipeError):
        return ExitCode.PIPE_CLOSED, "lexiseg: whatever read the output has stopped reading."
    if isinstance(error, LexisegError):
        full = _lacks_room(error.__cause__)
        return ExitCode.NO_ROOM if full else ExitCode.WRONG_CALL, f"lexiseg: {error}"
    if _lacks_room(error):
        reason = getattr(error, "strerror", None) or error
        return ExitCode.NO_ROOM, f"lexiseg: the output cannot be written ({reason}); make room."
    line = (str(error).splitlines() or [""])[0]
    return ExitCode.SOME_FAILED, (  # a mistake of ours: no traceback in the face of a user either
        f"lexiseg: this should not happen ({type(error).__name__}: {line}); "
        "`lexiseg --debug ...` shows where, so that it can be reported."
    )


def _lacks_room(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def drop_output() -> None:
    """Let what is still to be printed go nowhere if it cannot be printed."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
