"""The one thread that computes: networks on one device answer one question at a time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from lexiseg.web.refusal import RefusedError, busy

T = TypeVar("T")
Gone = Callable[[], Awaitable[None]]
"""Comes back when who asked is no longer there."""


async def _stays() -> None:
    await asyncio.Event().wait()


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class ModelWorker:
    """A queue in front of a thread.

    Jobs are done in the order in which they came. A job that nobody waits for any more, because
    its time is over or its client has gone, is left out if it has not begun.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._usual = 1.0  # seconds of a job, a running mean
        self.waiting = 0

    async def run(self, job: Callable[[], T], seconds: float, gone: Gone = _stays) -> T:
        """What a job gives back.

        Args:
            job: called in the worker's thread.
            seconds: that may pass until it is done.
            gone: comes back when the client has left.

        Raises:
            RefusedError: the time is over.
            ClientGoneError: the client has left.
            Exception: what the job raises.
        """
        self.waiting += 1
        place = self._thread.submit(self._timed, job)
        answer = asyncio.wrap_future(place)
        leaving = asyncio.ensure_future(gone())
        try:
            ends: list[asyncio.Future[T] | asyncio.Future[None]] = [answer, leaving]
            await asyncio.wait(ends, timeout=seconds, return_when="FIRST_COMPLETED")
            if answer.done():
                return answer.result()
            if leaving.done():
                raise ClientGoneError
            raise self._late(seconds)
        finally:
            self.waiting -= 1
            leaving.cancel()
            place.cancel()

    def _timed(self, job: Callable[[], T]) -> T:
        begin = perf_counter()
        try:
            return job()
        finally:
            self._usual += 0.2 * (perf_counter() - begin - self._usual)

    @property
    def retry_after(self) -> int:
        """Seconds until the queue will have been worked off, more or less."""
        return max(1, math.ceil(self.waiting * self._usual))

    def _late(self, seconds: float) -> RefusedError:
        return busy(
            f"The answer took longer than the {seconds:g} seconds allowed; ask again later, with "
            "a smaller picture or fewer names.",
            self.retry_after,
        )

    def stop(self) -> None:
        """Finish the job that has begun, and drop the others."""
        self._thread.shutdown(wait=True, cancel_futures=True)
