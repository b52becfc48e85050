"""The queue in front of the thread that computes."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lexiseg.web.model_worker import ClientGoneError, ModelWorker
from lexiseg.web.refusal import RefusedError


def test_jobs_are_done_one_at_a_time_and_in_order() -> None:
    done, at_once = [], [0]

    def job(number: int) -> int:
        at_once[0] += 1
        assert at_once[0] == 1
        done.append(number)
        at_once[0] -= 1
        return number

    async def run() -> list[int]:
        worker = ModelWorker()
        jobs = [worker.run(lambda number=number: job(number), 10) for number in range(20)]
        return await asyncio.gather(*jobs)

    assert asyncio.run(run()) == done == list(range(20))


def test_what_a_job_raises_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ModelWorker().run(lambda: 1 // 0, 10))


def test_a_job_that_waits_too_long_is_not_begun() -> None:
    gate, begun = threading.Event(), []

    async def run() -> None:
        worker = ModelWorker()
        first = asyncio.ensure_future(worker.run(gate.wait, 10))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as refused:
            await worker.run(lambda: begun.append(1), 0.05)
        assert refused.value.status == 503 and refused.value.headers["Retry-After"]
        gate.set()
        assert await first
        worker.stop()

    asyncio.run(run())
    assert begun == []


def test_a_job_of_a_client_that_has_gone_is_not_begun() -> None:
    gate, begun = threading.Event(), []

    async def run() -> None:
        worker = ModelWorker()
        first = asyncio.ensure_future(worker.run(gate.wait, 10))
        await asyncio.sleep(0)

        async def gone() -> None:
            await asyncio.sleep(0.01)

        with pytest.raises(ClientGoneError):
            await worker.run(lambda: begun.append(1), 10, gone)
        gate.set()
        await first
        assert worker.waiting == 0
        worker.stop()

    asyncio.run(run())
    assert begun == []
