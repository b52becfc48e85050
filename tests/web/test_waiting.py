"""Pictures that wait are encoded with one that is due; every question gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lexiseg.errors import ImageError
from lexiseg.web.asking import Inquiry, SegmentBody
from lexiseg.web.limits import ServiceLimits
from lexiseg.web.service import Reply, SegmentationService
from lexiseg.web.shelf import MethodShelf
from lexiseg.web.waiting import WaitingQuestions
from tests.web.colours import COLOURS, Colours, Settings, flag, registered

WORDS = list(COLOURS)


class Passes(Colours):
    """Tells how many pictures it encoded in each pass."""

    passes: list[int]

    def _encode_many(self, images, watch):
        self.passes.append(len(images))
        return [self._encode(image, watch) for image in images]


async def stays() -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Passes, "passes", [], raising=False)
    monkeypatch.setattr(Colours, "load", classmethod(lambda cls, *_, **__: Passes(Settings())))
    with registered():
        yield


def asked(word: str, file: bytes | None = None) -> Inquiry[SegmentBody]:
    return Inquiry(SegmentBody(names=[word, "blue"]), file or flag(word, width=40))


async def at_once(service: SegmentationService, questions: list[Inquiry[SegmentBody]]):
    """Ask while the thread is held, so that all of them wait."""
    Colours.gate.clear()
    first = asyncio.ensure_future(service.answer(asked("white"), stays, kept))
    await asyncio.sleep(0.1)
    others = [asyncio.ensure_future(service.answer(one, stays, kept)) for one in questions]
    await asyncio.sleep(0.1)
    Colours.gate.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def kept(reply: Reply) -> list[str]:
    return [entry.name for entry in reply.result.presence.values() if entry.kept]


def answers(batch: int | None, questions: list[Inquiry[SegmentBody]]):
    service = SegmentationService(MethodShelf(["colours"], "mini", {}), ServiceLimits(batch=batch))
    try:
        found = asyncio.run(at_once(service, questions))
    finally:
        service.worker.stop()
    assert service.waiting.of("colours") == []
    return found[1:]


def test_waiting_pictures_share_a_pass_and_no_answer_is_mixed_up() -> None:
    assert answers(3, [asked(word) for word in WORDS]) == [[word] for word in WORDS]
    assert Passes.passes == [3]  # "white" was kept already, and the last went alone


def test_on_a_processor_each_goes_alone() -> None:
    assert answers(None, [asked(word) for word in WORDS]) == [[word] for word in WORDS]
    assert Passes.passes == []


def test_a_file_that_is_no_picture_costs_the_others_nothing() -> None:
    found = answers(4, [asked("red"), asked("green", b"no picture"), asked("blue")])
    assert found[0] == ["red"] and found[2] == ["blue"]
    assert isinstance(found[1], ImageError)
    assert Passes.passes == [2]


def test_questions_for_other_methods_are_not_among_those_that_wait() -> None:
    waiting = WaitingQuestions()
    with waiting.noted("one", asked("red")), waiting.noted("other", asked("green")):
        (found,) = waiting.of("other")
        assert found.body.names == ["green", "blue"]
    assert waiting.of("one") == []
