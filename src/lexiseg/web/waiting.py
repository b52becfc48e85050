"""Questions that wait, so that their pictures can be encoded together with one that is due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lexiseg.web.asking import Inquiry, PictureBody


class WaitingQuestions:
    """Questions that the worker was handed, by the method that they are for.

    They come and go in the thread of the server; the worker's thread looks at them.
    """

    def __init__(self) -> None:
        self._questions: dict[int, tuple[str, Inquiry[PictureBody]]] = {}
        self._count = 0

    @contextmanager
    def noted(self, method: str, asked: Inquiry[PictureBody]) -> Iterator[None]:
        """Note a question for as long as somebody waits for its answer.

        Args:
            method: that is asked.
            asked: the question.
        """
        self._count += 1
        number = self._count
        self._questions[number] = (method, asked)
        try:
            yield
        finally:
            del self._questions[number]

    def of(self, method: str) -> list[Inquiry[PictureBody]]:
        """Questions for a method, in the order in which they came."""
        return [asked for name, asked in list(self._questions.values()) if name == method]
