"""The attempts of a worker: each is run, said once, and touches no other; see ``book.py``."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from seriatim.actors.executor.context import current_job
from seriatim.actors.queue.commands import Done, Failed, Grant, Printed, Released
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.worker import threads
from seriatim.actors.worker.handler import Place
from seriatim.formats.errors import LimitExceededError, UnavailableError
from seriatim.formats.jobs.outcome import Ending, Outcome
from seriatim.formats.limits import (
    CLAIM_FULL_AFTER_MS,
    JOB_OUTPUT_PIECE_BYTES,
    REPORT_MAX_BYTES,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
)
from tests.support.lone_worker import working
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio

COMMAND: dict[str, Any] = {"command": {"argv": ["x"]}}


class ToldExecutor:
    """Runs commands as a test says."""

    def __init__(self, error: Exception | None = None, printed: bytes = b"") -> None:
        self._error = error
        self._printed = printed

    async def run_command(self, *_: object, output: Any, stopping: Any) -> Outcome:
        if self._error is not None:
            raise self._error
        output(self._printed)
        stopped = asyncio.Event()
        stopping.listen(lambda _: stopped.set())
        await stopped.wait()
        return Outcome(Ending.CANCELLED, stopping.reason)


# Attempts that meet.


async def test_a_job_that_comes_back_while_its_lost_attempt_still_stops_runs_beside_it() -> None:
    ran, cleaning, go = [], asyncio.Event(), asyncio.Event()

    async def call(grant: Grant) -> bytes:
        ran.append(grant.token)
        try:
            await go.wait()
        except asyncio.CancelledError:
            await cleaning.wait()
            raise
        return b"%d" % grant.token

    async with working(call) as lone:
        lone.port.grant("j", 1)
        await until_idle()
        lone.port.lost.add(("j", 1))
        await lone.pass_ms(10_000)  # its lease would begin anew
        lone.port.grant("j", 5)
        await until_idle()
        cleaning.set()
        await until_idle()
        assert ran == [1, 5]
        assert list(lone.worker.running) == ["j"]
        assert [each.token for each in lone.port.ended] == []
        go.set()
        await until_idle()
        assert lone.port.ended == [Done("j", 5, b"5")]
        assert not lone.worker.running


async def test_what_is_to_be_stopped_is_the_attempt_that_was_granted_last() -> None:
    async with working(_forever) as lone:
        lone.port.grant("j", 1)
        lone.port.grant("j", 5)
        await until_idle()
        lone.port.answer(stops={"j": "wanted no more"})
        await lone.pass_ms(100)  # it is full, and listens after that
        ((ended,),) = [report.ended for report in lone.port.heard if report.ended]
        assert isinstance(ended, Failed)
        assert (ended.token, ended.code, ended.reason) == (5, "cancelled", "wanted no more")


async def test_who_is_lost_is_lost_though_somebody_has_cancelled_it_before() -> None:
    go = asyncio.Event()

    async def call(grant: Grant) -> bytes:
        try:
            return await _forever(grant)
        except asyncio.CancelledError:
            await go.wait()
            raise

    async with working(call, room=1) as lone:
        lone.port.grant("j", 1)
        await lone.pass_ms(100)  # it is full, and listens after that
        lone.port.answer(stops={"j": "wanted no more"})
        lone.port.lost.add(("j", 1))
        await lone.pass_ms(10_000)
        assert lone.port.heard[-1].held == [("j", 1)]
        before = len(lone.port.heard)
        await lone.pass_ms(10_000)
        go.set()
        await until_idle()
        assert not lone.worker.running
        assert lone.port.heard[before:] == []


async def _forever(grant: Grant) -> bytes:
    del grant
    await asyncio.Event().wait()
    return b""


# What cannot be run.


@pytest.mark.parametrize(
    ("error", "code", "is_final"),
    [
        (OSError(24, "Too many open files"), "not_started", False),
        (LimitExceededError("frame", given=2, maximum=1), "bad_args", True),
    ],
)
async def test_what_cannot_be_run_has_failed_and_leaves_its_room(
    error: Exception, code: str, is_final: bool
) -> None:
    async with working(executor=ToldExecutor(error), room=1) as lone:
        lone.port.grant("j", 1, **COMMAND)
        await until_idle()
        (ended,) = lone.port.ended
        assert isinstance(ended, Failed)
        assert (ended.code, ended.is_final, ended.reason) == (code, is_final, str(error))
        assert ended.details["error_type"] == type(error).__name__
        lone.port.grant("next", 2, **COMMAND)
        await until_idle()
        assert [each.id for each in lone.port.ended] == ["j", "next"]


async def test_a_job_of_a_type_that_nobody_has_asked_for_has_failed() -> None:
    async with working() as lone:
        lone.port.grant("j", 1)
        await until_idle()
        (ended,) = lone.port.ended
        assert isinstance(ended, Failed)
        assert ended.code == "not_started"


@pytest.mark.parametrize("place", [Place.LOOP, Place.THREAD])
async def test_a_declaration_that_raises_itself_makes_no_failure_final(place: Place) -> None:
    def is_final(error: BaseException) -> bool:
        return isinstance(error, 3)  # type: ignore[arg-type]  # what somebody may have declared

    def fail(_: Grant) -> bytes:
        raise ValueError("no")

    async def fail_on_loop(grant: Grant) -> bytes:
        return fail(grant)

    call = fail_on_loop if place is Place.LOOP else fail
    async with working(call, place=place, is_final=is_final) as lone:
        lone.port.grant("j", 1)
        await until(lambda: bool(lone.port.ended))
        (ended,) = lone.port.ended
        assert isinstance(ended, Failed)
        assert (ended.code, ended.is_final) == ("raised", False)


@pytest.mark.parametrize(
    ("spec", "code"), [({"limits": {"wall_ms": 500}}, "timeout"), ({"silence_ms": 500}, "silent")]
)
async def test_a_command_that_is_stopped_says_why(spec: dict[str, Any], code: str) -> None:
    async with working(executor=ToldExecutor()) as lone:
        lone.port.grant("j", 1, **COMMAND, **spec)
        await until_idle()
        await lone.pass_ms(500)
        (ended,) = lone.port.ended
        assert isinstance(ended, Failed)
        assert ended.code == code


# Leases, and room.


async def test_a_short_lease_begins_anew_though_the_worker_was_idle() -> None:
    async with working(_forever) as lone:
        await lone.pass_ms(1_000)
        lone.port.grant("j", 1, lease_ms=300)
        await until_idle()
        for _ in range(4):
            lone.port.heard.clear()
            await lone.pass_ms(100)
            assert [report.held for report in lone.port.heard] == [[("j", 1)]]


async def test_who_cannot_say_anything_takes_no_more_than_it_can_say_to_have() -> None:
    async def call(_: Grant) -> bytes:
        return b"1"

    async with working(call, room=2) as lone:
        lone.port.error = UnavailableError("away")
        for token in range(1, 9):
            lone.port.grant(f"j{token}", token)
            await until_idle()
        await lone.pass_ms(100)
        assert max(len(claim.held) for claim in lone.port.claims) == 4
        assert lone.port.claims[-1].room == 0
        lone.port.error = None
        await lone.pass_ms(WORKER_PAUSE_MAX_MS)
        assert {each.id for each in lone.port.ended} >= {"j1", "j2", "j3", "j4"}


async def test_a_node_that_answers_at_once_with_nothing_is_asked_after_a_pause() -> None:
    async with working(_forever) as lone:
        for _ in range(9):
            lone.port.answer()
        await until_idle()
        assert len(lone.port.claims) == 1
        await lone.pass_ms(WORKER_PAUSE_MIN_MS)
        assert len(lone.port.claims) == 2


async def test_a_piece_of_output_that_is_refused_is_no_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        async with working(executor=ToldExecutor(printed=b"x" * JOB_OUTPUT_PIECE_BYTES)) as lone:
            lone.port.refused = {"one": "token 1 is old"}
            lone.port.grant("one", 1, **COMMAND)
            await until_idle()
            assert caplog.messages == ["worker w: its word of job one is too late: token 1 is old"]


# Its end.


async def test_what_is_on_its_way_when_a_worker_closes_is_said_once() -> None:
    async def call(_: Grant) -> bytes:
        return b"1"

    async with working(call) as lone:
        lone.port.answers.clear()
        lone.port.grant("j", 1)
        await until_idle()
        closing = asyncio.ensure_future(lone.worker.close())
        await until_idle()
        assert not closing.done()
        lone.port.answers.set()
        await closing
        assert lone.port.ended == [Done("j", 1, b"1")]
        last = lone.port.heard[-1].status
        assert last is not None
        assert last.has_left


async def test_what_a_node_has_not_heard_is_said_when_the_worker_closes() -> None:
    async def call(_: Grant) -> bytes:
        return b"1"

    async with working(call) as lone:
        lone.port.error = UnavailableError("away")
        lone.port.grant("j", 1)
        await until_idle()
        lone.port.error = None
        await lone.worker.close()
        assert lone.port.ended == [Done("j", 1, b"1")]


async def test_the_last_word_has_all_that_was_printed_first_and_no_report_is_too_large() -> None:
    printed = b"x" * (2 * REPORT_MAX_BYTES)
    async with working(executor=ToldExecutor(printed=printed)) as lone:
        lone.port.error = UnavailableError("away")
        lone.port.grant("j", 1, **COMMAND)
        await until_idle()
        lone.port.error = None
        await lone.worker.close()
        said: list[Printed] = [each for report in lone.port.heard for each in report.printed]
        assert [each.number for each in said] == list(range(len(said)))
        assert b"".join(each.data for each in said) == printed
        sizes = [sum(len(each.data) for each in report.printed) for report in lone.port.heard]
        assert max(sizes) <= REPORT_MAX_BYTES // 2 + JOB_OUTPUT_PIECE_BYTES
        assert lone.port.ended == [Released("j", 1, has_begun=True)]
        first_end = next(number for number, each in enumerate(lone.port.heard) if each.ended)
        assert not any(report.printed for report in lone.port.heard[first_end + 1 :])


async def test_a_worker_that_closes_or_drains_claims_no_more() -> None:
    async with working(_forever) as lone:
        lone.port.grant("j", 1)
        await until_idle()
        before = len(lone.port.claims)
        draining = asyncio.ensure_future(lone.worker.drain())
        await until_idle()
        lone.port.grant("k", 2)
        await lone.pass_ms(100)
        assert not draining.done()
        await lone.worker.close()
        await draining
        (last,) = lone.port.claims[before:]
        assert (last.room, last.held) == (0, [("j", 1)]), "it goes on with this, and no more"
        assert [each.id for each in lone.port.ended] == ["j"]


# Threads.


async def test_a_job_in_a_thread_speaks_on_the_loop() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # timers that are set from elsewhere raise

    def call(_: Grant) -> bytes:
        current_job().heartbeat()
        current_job().progress(0.5, "caf\udce9")
        heard.wait(30)
        return b"1"

    heard = threading.Event()
    clock = SystemClock(loop)
    async with working(call, place=Place.THREAD, clock=clock) as lone:
        lone.port.grant("j", 1, silence_ms=30_000, lease_ms=100)
        await until(lambda: any(run.fraction == 0.5 for run in lone.worker._book.running))
        (run,) = lone.worker._book.running
        assert run.note == "caf\\udce9"
        heard.set()
        await until(lambda: bool(lone.port.ended))
        assert lone.port.ended == [Done("j", 1, b"1")]


async def test_a_thread_that_goes_on_takes_no_time_of_the_next_job() -> None:
    go = threading.Event()

    def call(grant: Grant) -> bytes:
        if grant.id == "hangs":
            go.wait(30)
        return b"1"

    async with working(call, place=Place.THREAD, room=1) as lone:
        lone.port.grant("hangs", 1, limits={"wall_ms": 300})
        await until_idle()
        await lone.pass_ms(300)
        lone.port.grant("next", 2, limits={"wall_ms": 300})
        await until(lambda: len(lone.port.ended) == 2)
        first, second = lone.port.ended
        assert isinstance(first, Failed)
        assert first.code == "timeout"
        assert second == Done("next", 2, b"1")
        go.set()


async def test_threads_that_go_on_take_room_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "THREADS_ABANDONED_MAX", 0)
    go = threading.Event()

    def call(_: Grant) -> bytes:
        go.wait(30)
        return b"1"

    async with working(call, place=Place.THREAD, room=2) as lone:
        lone.port.grant("hangs", 1, limits={"wall_ms": 300})
        await until_idle()
        with caplog.at_level(logging.WARNING):
            await lone.pass_ms(300)
        assert "goes on in its thread" in caplog.text
        lone.port.answer(stops={"nobody": ""})
        await until_idle()
        assert lone.port.claims[-1].room == 1
        go.set()
        await until(lambda: not lone.worker._runner.threads.too_many)
        lone.port.answer(stops={"nobody": ""})
        await until_idle()
        assert lone.port.claims[-1].room == 2


async def test_a_worker_that_had_no_room_for_its_threads_claims_as_soon_as_one_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "THREADS_ABANDONED_MAX", 0)
    go = threading.Event()

    def call(_: Grant) -> bytes:
        go.wait(30)
        return b"1"

    async with working(call, place=Place.THREAD, room=1) as lone:
        lone.port.grant("hangs", 1, limits={"wall_ms": 300})
        await until_idle()
        await lone.pass_ms(300)
        await lone.pass_ms(CLAIM_FULL_AFTER_MS)
        assert lone.port.claims[-1].room == 0
        go.set()
        await until(lambda: lone.port.claims[-1].room == 1)
