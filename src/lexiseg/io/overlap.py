"""Steps that run in a thread of their own while others compute: reading ahead, writing behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
DoneT = TypeVar("DoneT")


def ahead(step: Callable[[ItemT], DoneT], items: Iterable[ItemT], count: int) -> Iterator[DoneT]:
    """What a step gives for each item, computed while earlier ones are in use.

    Args:
        step: called in one other thread, in order.
        items: taken as they are needed.
        count: items that are done beforehand; bounds the memory.

    Raises:
        Exception: what the step raised, when its item is due.

    Example:
        >>> list(ahead(abs, [-1, 2, -3], 1))
        [1, 2, 3]
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        waiting: deque[Future[DoneT]] = deque()
        try:
            for item in items:
                waiting.append(thread.submit(step, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            thread.shutdown(cancel_futures=True)


def behind(step: Callable[[ItemT], DoneT], items: Iterable[ItemT]) -> Generator[DoneT]:
    """What a step gives for each item; it works on one while the next is computed.

    A step that has begun is completed, whatever happens to those after it; none follows one that
    failed.

    Args:
        step: called in one other thread, in order.
        items: computed in the caller's thread.

    Raises:
        Exception: what the step raised, one item late.
    """
    failed: list[BaseException] = []

    def guarded(item: ItemT) -> DoneT:
        if failed:
            raise failed[0]
        try:
            return step(item)
        except BaseException as error:
            failed.append(error)
            raise

    with ThreadPoolExecutor(1, thread_name_prefix="behind") as thread:
        before: Future[DoneT] | None = None
        for item in items:
            future = thread.submit(guarded, item)
            if before is not None:
                yield before.result()
            before = future
        if before is not None:
            yield before.result()
