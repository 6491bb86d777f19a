"""A worker whose port fails in ways that nobody has foreseen, and one that is drained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from seriatim import App
from seriatim.actors.app.job_function import JobFunction
from seriatim.actors.queue.commands import Done, Report
from seriatim.formats.errors import RefusedError, UnavailableError
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_RESULT_MAX_BYTES, REPORT_MAX_BYTES, WORKER_PAUSE_MAX_MS
from seriatim.testing import rehearse
from tests.support.lone_worker import working
from tests.support.sample_app import add, app
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("verb", ["claim", "report"])
async def test_a_fault_of_ours_ends_no_worker(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    verb: str,
) -> None:
    async with rehearse(app, tmp_path, work=False) as rehearsal:
        access: Any = app.access
        real, failed = getattr(access, verb), 0

        async def fail_twice(*args: Any, **named: Any) -> Any:
            nonlocal failed
            if failed < 2:
                failed += 1
                raise RuntimeError("nobody has foreseen that")
            return await real(*args, **named)

        monkeypatch.setattr(access, verb, fail_twice)
        handle = await add.submit(1, 2)
        with caplog.at_level(logging.WARNING):
            await rehearsal.running.work("default")
            result = asyncio.ensure_future(handle.result())
            while not result.done():
                rehearsal.clock.advance(milliseconds=10)  # its pauses go by this clock
                await asyncio.sleep(0)
        assert await result == 3
        assert failed == 2
        assert f"cannot {verb}" in caplog.text


async def test_what_is_left_to_say_at_the_end_is_said_in_as_many_reports_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that no queue takes would have all of these jobs run once more."""
    own = App()
    count = 2 * REPORT_MAX_BYTES // JOB_RESULT_MAX_BYTES

    @own.job(concurrency=count)
    async def stubborn() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "x" * (JOB_RESULT_MAX_BYTES - 2)

    async with rehearse(own, tmp_path) as rehearsal:
        handles = [await stubborn.submit() for _ in range(count)]
        await rehearsal.settle()
        [worker] = rehearsal.running.workers
        assert worker._reporting is not None
        worker._reporting.cancel()  # nothing is said before
        sizes = []
        access: Any = own.access
        real = access.report

        async def measure(queue: str, report: Report) -> Any:
            sizes.append(sum(len(each.result) for each in report.ended if isinstance(each, Done)))
            return await real(queue, report)

        monkeypatch.setattr(access, "report", measure)
        await worker.close()
        assert {await each.state() for each in handles} == {JobState.DONE}
        assert sum(sizes) == count * JOB_RESULT_MAX_BYTES
        assert max(sizes) <= REPORT_MAX_BYTES


@pytest.mark.slow
async def test_a_worker_that_is_drained_finishes_what_it_has_and_ends(tmp_path: Path) -> None:
    app, held, go = holding_app()
    async with app.open(tmp_path) as running:
        first, second = await held.submit(), await held.submit()
        (worker,) = running.workers
        await until(lambda: bool(worker.running))
        await until(lambda: running.queues.last_beat(worker.name) is not None)
        await running.queues.drain(worker.name)
        await until(lambda: worker.is_draining)
        go.set()
        await first
        await worker.left()
        assert await second.state() == "pending"
        assert running.queues.last_beat(worker.name) is None  # it has said goodbye
        assert not running.queues.wishes.drains(worker.name)
        await running.work("default")  # another one, with a name of its own
        await second


async def test_a_worker_that_is_closed_while_it_is_drained_gives_back_what_it_has(
    tmp_path: Path,
) -> None:
    app, held, go = holding_app()
    async with app.open(tmp_path) as running:
        handle = await held.submit()
        (worker,) = running.workers
        await until(lambda: bool(worker.running))
        await until(lambda: running.queues.last_beat(worker.name) is not None)
        await running.queues.drain(worker.name)
        await until(lambda: worker.is_draining)
        await worker.close()
        await worker.left()
        assert await handle.state() == "pending"
        await worker.close()  # again is nothing
        go.set()
        await running.work("default")
        await handle


def holding_app() -> tuple[App, JobFunction[[], None, Coroutine[Any, Any, None]], asyncio.Event]:
    """Return an app, its job, and an event: the job runs until that is set."""
    app, go = App(), asyncio.Event()

    @app.job
    async def hold() -> None:
        await go.wait()

    return app, hold, go


@pytest.mark.parametrize("verb", ["claim", "report"])
async def test_a_worker_whose_token_its_node_does_not_know_any_more_is_over(
    monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """To wait is of no use: whoever has begun it is told, and closes it."""
    refused = RefusedError("only the node's operator may do that", code="unauthorized")

    async def refuse(*_: object, **__: object) -> None:
        raise refused

    async with working() as lone:
        monkeypatch.setattr(lone.port, verb, refuse)
        lone.port.answer()
        await lone.pass_ms(WORKER_PAUSE_MAX_MS)
        lone.worker._beat_due_ms = 0  # so that there is something to report
        lone.worker._has_news.set()
        with pytest.raises(RefusedError) as raised:
            await lone.worker.left()
        assert raised.value is refused


async def test_of_a_node_that_is_away_it_is_said_once_and_again_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = UnavailableError("nobody answers there")

    async def refuse(*_: object, **__: object) -> None:
        raise away

    async with working() as lone:
        for said in range(1, 3):  # it may go away again
            with monkeypatch.context() as broken:
                broken.setattr(lone.port, "claim", refuse)
                lone.port.error = away
                lone.port.answer()  # of the claim that waits
                for _ in range(5):
                    lone.worker._beat_due_ms = 0  # so that there is something to report
                    lone.worker._has_news.set()
                    await lone.pass_ms(WORKER_PAUSE_MAX_MS)
                assert caplog.messages.count(f"worker w: the node is waited for: {away}") == said
            lone.port.error = None
            lone.port.answer()
            lone.worker._beat_due_ms = 0
            lone.worker._has_news.set()
            await lone.pass_ms(WORKER_PAUSE_MAX_MS)
            assert caplog.messages.count("worker w: the node is back") == said
            assert len(caplog.messages) == 2 * said


async def test_of_a_node_that_grants_nothing_but_takes_reports_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As of one whose queue cannot be read: a beat is no matter of the queue's."""

    async def refuse(*_: object, **__: object) -> None:
        raise UnavailableError("queue q has failed; ask again")

    async with working() as lone:
        monkeypatch.setattr(lone.port, "claim", refuse)
        lone.port.answer()  # of the claim that waits
        for _ in range(5):
            lone.worker._beat_due_ms = 0  # so that there is something to report
            lone.worker._has_news.set()
            await lone.pass_ms(WORKER_PAUSE_MAX_MS)
        assert len(caplog.messages) == 1
