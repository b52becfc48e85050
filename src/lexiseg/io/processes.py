"""Pictures answered by several processes of this machine, each with the method loaded once."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from lexiseg.errors import LexisegError
from lexiseg.io.answering import Answer, Computed, Failure, ImageAnswerer, Read, in_batches
from lexiseg.io.image import shown

_TRIES = 2  # of a picture that was alone when its process ended
_HOPELESS = 3  # such pictures before any has an answer: the method itself cannot work here


@dataclass(frozen=True)
class _NotLoaded:
    """Why a process has no method, in one sentence."""

    sentence: str


@dataclass(frozen=True)
class _Reply:
    """What became of pictures, and what their process warned of."""

    outcomes: list[Computed] | _NotLoaded
    warned: tuple[str, ...] = ()


class Processes(AbstractContextManager["Processes"]):
    """A pool of processes that answer pictures.

    A process that is killed costs nothing but the time: its pictures are answered by another. A
    picture that ends every process that it is given to becomes a failure. The processes end with
    this one, however it ends; left by an exception, they do so in the middle of their pictures.

    Args:
        count: processes.
        load: loads the method in each of them, and gives the function that answers; it is sent to
            them, and so must be a plain value or a function of a module.
        read: how pictures are read; the same holds.
        debug: let the first failure stop the run.
        batch: pictures that a process encodes together, if the method can.
    """

    def __init__(
        self,
        count: int,
        load: Callable[[], Answer],
        read: Read,
        debug: bool = False,
        batch: int = 1,
    ) -> None:
        self._count, self._batch = count, batch
        self._context = get_context("spawn")  # a forked process has no use of CUDA, nor of threads
        given, self._lifeline = self._context.Pipe(duplex=False)
        threads = max(1, (os.cpu_count() or 1) // count)
        self._start = (ImageAnswerer(load, read, debug, batch), threads, given)
        self._pool = self._new_pool()
        self._answered = False
        self._ended = 0

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count, self._context, initializer=_begin, initargs=self._start
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)
        self._lifeline.close()
        self._start[-1].close()

    def answers(self, paths: Sequence[Path]) -> Iterator[Computed]:
        """Answer pictures, in order.

        Raises:
            LexisegError: the method cannot be loaded, or ends every process.
        """
        waiting = deque(in_batches(paths, self._batch))
        while waiting:
            for path in (yield from self._together(waiting)):
                yield self._alone(path)

    def _together(self, waiting: deque[Sequence[Path]]) -> Generator[Computed, None, list[Path]]:
        """Answer pictures until a process ends; returns those that were under way then."""
        flying: deque[tuple[Sequence[Path], Future[_Reply]]] = deque()
        try:
            while waiting or flying:
                while waiting and len(flying) < 2 * self._count:
                    flying.append((waiting[0], self._submit(waiting[0])))
                    waiting.popleft()
                outcomes = self._taken(flying[0][1])
                flying.popleft()
                yield from outcomes
        except BrokenProcessPool:
            self._renew()
        return [path for paths, _ in flying for path in paths]

    def _alone(self, path: Path) -> Computed:
        """Answer a picture that may be what ended its process."""
        for _ in range(_TRIES):
            try:
                return self._taken(self._submit([path]))[0]
            except BrokenProcessPool:
                self._renew()
        self._ended += 1
        if not self._answered and self._ended == _HOPELESS:
            raise LexisegError(
                "The processes end before they have answered any picture, as they do for want of "
                "memory; ask for fewer of them, or see what happens in one process (--jobs 1)."
            )
        return Failure(path, f"{shown(path)}: its process ended, {_TRIES} times.")

    def _submit(self, paths: Sequence[Path]) -> Future[_Reply]:
        with _uninterrupted():  # processes may start here, and inherit it
            return self._pool.submit(_answer, paths)

    def _taken(self, future: Future[_Reply]) -> list[Computed]:
        reply = future.result()
        self._answered = True
        for sentence in reply.warned:
            warnings.warn(sentence, stacklevel=2)
        if isinstance(reply.outcomes, _NotLoaded):
            raise LexisegError(reply.outcomes.sentence)
        return reply.outcomes

    def _renew(self) -> None:
        self._pool.shutdown()
        self._pool = self._new_pool()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C, here and for good in what is started meanwhile: the parent deals with it."""
    if os.name == "nt":  # it has no such mask; there `_begin` is all
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_answering: ImageAnswerer | None = None  # of this process, if it is one of a pool


def _begin(answering: ImageAnswerer, threads: int, lifeline: Connection) -> None:
    """Set up a process: it shares the cores, leaves Ctrl-C to its parent, and ends with it."""
    global _answering
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[lifeline], daemon=True).start()
    _answering = answering


def _end_with(lifeline: Connection) -> None:
    """Wait for the other end of a pipe to be closed, by hand or with its process."""
    lifeline.poll(None)
    os._exit(1)


def _answer(paths: Sequence[Path]) -> _Reply:
    assert _answering is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            seen = _answering.look_all(paths)
            outcomes: list[Computed] | _NotLoaded = list(_answering.answer_all(seen))
        except LexisegError as error:  # of loading; those of a picture are failures
            outcomes = _NotLoaded(str(error))
    told = [str(one.message) for one in caught if one.category is UserWarning]
    return _Reply(outcomes, tuple(dict.fromkeys(told)))
