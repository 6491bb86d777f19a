"""An event loop that is held: somebody says so, and what is beside it is not lost."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seriatim import App
from seriatim.actors.queue.commands import Claimed
from seriatim.actors.runtime.clock import ManualClock, SystemClock
from seriatim.actors.worker import guard as guard_module
from seriatim.actors.worker.guard import HELD_MIN_MS, KEPT_MAX_MS, LoopGuard
from seriatim.actors.worker.port import JobsPort
from seriatim.actors.worker.run import Run
from seriatim.formats.limits import (
    HEARTBEATS_PER_LEASE,
    JOB_LEASE_DEFAULT_MS,
    JOBS_NAMED_MAX,
    WORKER_PAUSE_MAX_MS,
)
from tests.support.holding import hold_loop
from tests.support.lone_worker import ToldPort, working
from tests.support.waiting import until, until_idle

pytestmark = pytest.mark.asyncio

LEASE_MS = 6_000
HOLD_MS = LEASE_MS // (2 * HEARTBEATS_PER_LEASE)


class GuardedOne:
    """A worker that has what a test says."""

    def __init__(self) -> None:
        self.lease_ms: int | None = LEASE_MS
        self.runs: list[Run] = []
        self.renewed: list[bool] = []
        self.on_renewal: Callable[[], object] = lambda: None

    def shortest_lease_ms(self) -> int | None:
        return self.lease_ms

    def on_loop(self) -> list[Run]:
        return self.runs

    async def renew_by_detour(self, port: JobsPort, later: object, *, is_first: bool) -> None:
        del port, later
        self.renewed.append(is_first)
        self.on_renewal()


def run_of(job: str, task: asyncio.Task[Any] | None = None) -> Run:
    grant = SimpleNamespace(id=job, type="t")
    return cast("Run", SimpleNamespace(grant=grant, task=task))


@asynccontextmanager
async def no_port() -> AsyncIterator[JobsPort]:
    yield cast("JobsPort", None)


class Guarding:
    """A guard whose thread a test is, in a time that a test says."""

    def __init__(self, detour: guard_module.Detour | None = None) -> None:
        self.clock = ManualClock()
        self.worker = GuardedOne()
        self.guard = LoopGuard(self.clock, detour)
        self.guard._is_begun = True  # the test is its thread
        self.guard.add(self.worker)

    def look(self, after_ms: int = 0) -> int | None:
        """Look in another thread, while the loop is held."""
        self.clock.advance(after_ms)
        with ThreadPoolExecutor() as threads:
            return threads.submit(self.guard.look).result()


@contextmanager
def warnings_of(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    said: list[str] = []
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        yield said
    held = [record for record in caplog.records if record.module == "guard"]
    said.extend(record.getMessage() for record in held)


async def test_where_nobody_has_a_lease_nothing_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    one = Guarding()
    assert one.look() is None
    one.worker.lease_ms = None
    one.guard.expect(LEASE_MS)
    with warnings_of(caplog) as said:
        assert one.look() == HOLD_MS
        await until_idle()
        assert one.look(HOLD_MS) == HOLD_MS, "others may follow soon"
        await until_idle()
        assert one.look(HOLD_MS) is None
    assert said == []


async def test_a_stream_of_short_jobs_wakes_the_thread_once_a_round() -> None:
    one = Guarding()
    one.worker.lease_ms = None
    for _ in range(3):
        one.guard.expect(LEASE_MS)
        one.guard._wake.clear()
        for _ in range(9):
            one.guard.expect(LEASE_MS)
        assert not one.guard._wake.is_set()
        one.look(HOLD_MS)
        await until_idle()


async def test_a_loop_that_comes_round_is_asked_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = Guarding()
    one.guard.expect(LEASE_MS)
    with warnings_of(caplog) as said:
        for _ in range(5):
            assert one.look(HOLD_MS) == HOLD_MS
            await until_idle()
    assert said == []


async def test_of_a_loop_that_is_held_it_is_said_once_with_the_job_and_the_stack_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = Guarding()
    one.worker.runs = [run_of("a"), run_of("b", asyncio.current_task())]
    one.guard.expect(LEASE_MS)
    assert one.look() == HOLD_MS
    with warnings_of(caplog) as said:
        assert one.look(HOLD_MS - 1) == 1
    assert said == []
    with warnings_of(caplog) as said:
        assert one.look(1) == HOLD_MS
        one.look(HOLD_MS)
        one.look(HOLD_MS)
    [held] = said
    assert "held by job b (t): for 1.0 s" in held
    assert "jobs on it beside that: a (t)." in held
    assert "test_guard.py" in held
    assert "run='process'" in held
    one.clock.advance(2_200)
    with warnings_of(caplog) as said:
        await until_idle()
    assert said == ["the event loop goes on: it was held for 5.2 s"]
    one.look()
    with warnings_of(caplog) as said:
        one.look(HOLD_MS)
    assert len(said) == 1, "it is held anew"


async def test_what_holds_the_loop_may_be_no_job(caplog: pytest.LogCaptureFixture) -> None:
    one = Guarding()
    one.worker.runs = [run_of(f"j{number}") for number in range(JOBS_NAMED_MAX + 3)]
    one.guard.expect(LEASE_MS)
    one.look()
    with warnings_of(caplog) as said:
        one.look(HOLD_MS)
    assert "the event loop is held: for" in said[0]
    assert "jobs on it: j0 (t), " in said[0]
    assert "j15 (t) and 3 more." in said[0]


async def test_a_shorter_lease_is_looked_after_sooner_but_no_sooner_than_makes_sense() -> None:
    one = Guarding()
    one.guard.expect(JOB_LEASE_DEFAULT_MS)
    assert one.look() == JOB_LEASE_DEFAULT_MS // (2 * HEARTBEATS_PER_LEASE)
    one.guard.expect(LEASE_MS)
    assert one.look() == HOLD_MS
    one.guard.expect(LEASE_MS + 1)
    assert one.look() == HOLD_MS
    one.guard.expect(100)
    assert one.look() == HELD_MIN_MS


async def test_leases_are_renewed_by_detour_as_long_as_the_loop_is_held_and_for_no_longer() -> None:
    one = Guarding(no_port)
    one.guard.expect(LEASE_MS)
    one.look()
    one.look(HOLD_MS)
    one.look(HOLD_MS)
    assert one.worker.renewed == [True, False]
    one.look(KEPT_MAX_MS)
    assert len(one.worker.renewed) == 2, "who holds it for ever loses its jobs in the end"
    await until_idle()
    one.guard.drop(one.worker)
    one.guard.drop(one.worker)
    one.look()
    one.look(HOLD_MS)
    assert len(one.worker.renewed) == 2


async def test_a_loop_that_comes_round_meanwhile_is_left_to_itself() -> None:
    one, other = Guarding(no_port), GuardedOne()
    one.guard.add(other)
    one.worker.on_renewal = one.guard._come_round
    one.guard.expect(LEASE_MS)
    one.look()
    one.look(HOLD_MS)
    assert (one.worker.renewed, other.renewed) == ([True], [])
    one.guard._asked_ms = 0  # the answer that is on its way still


async def test_a_renewal_that_fails_is_said_and_made_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("nobody has foreseen that")

    one = Guarding(no_port)
    one.worker.on_renewal = fail
    one.guard.expect(LEASE_MS)
    one.look()
    with warnings_of(caplog) as said:
        one.look(HOLD_MS)
        one.look(HOLD_MS)
    assert [each for each in said if "nobody has foreseen that" in each] == said[1:]
    assert one.worker.renewed == [True, True], "nobody has been told"


async def test_what_was_granted_to_the_claim_before_one_by_detour_is_not_begun() -> None:
    """The claim by the detour did not name it, so that the node has given it to somebody else."""
    ran: list[object] = []

    async def call(grant: object) -> bytes:
        ran.append(grant)
        return b""

    async with working(call) as lone:
        await until_idle()
        await lone.worker.renew_by_detour(ToldPort(), lambda _: None, is_first=True)
        lone.port.grant("a", 1, lease_ms=LEASE_MS)
        await until_idle()
        assert ran == []
        lone.clock.advance(WORKER_PAUSE_MAX_MS)
        await until_idle()
        lone.port.grant("b", 2, lease_ms=LEASE_MS)
        await until_idle()
        assert len(ran) == 1


async def test_a_worker_renews_what_is_due_by_another_port_and_takes_nothing_more() -> None:
    async def call(_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with working(call) as lone:
        for token, job in enumerate("ab", start=1):
            lone.port.grant(job, token, lease_ms=LEASE_MS)
            await until_idle()
        detour, later = ToldPort(), list[Callable[[], object]]()
        detour.lost.add(("b", 2))
        await lone.worker.renew_by_detour(detour, later.append, is_first=True)
        [claim] = detour.claims
        assert (claim.room, claim.held) == (0, [("a", 1), ("b", 2)])
        assert detour.asked == [], "nothing is due"
        lone.clock._monotonic_ms += LEASE_MS // 2  # as for a loop that is held: no timer runs
        await lone.worker.renew_by_detour(detour, later.append, is_first=False)
        await lone.worker.renew_by_detour(detour, later.append, is_first=False)
        [report] = detour.asked
        assert report.held == [("a", 1), ("b", 2)]
        assert len(detour.claims) == 1
        for each in later:
            each()
        await until_idle()
        assert list(lone.worker.running) == ["a"]
        assert lone.worker.shortest_lease_ms() == LEASE_MS
        assert [run.grant.id for run in lone.worker.on_loop()] == ["a"]


async def test_what_the_node_wants_is_heard_when_the_loop_comes_round() -> None:
    async def call(_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with working(call) as lone:
        lone.port.grant("a", 1)
        await until_idle()
        later = list[Callable[[], object]]()

        class StoppingPort(ToldPort):
            async def claim(self, *_: object, **__: object) -> Claimed:
                return Claimed((), {"a": "somebody wants it no more"})

        await lone.worker.renew_by_detour(StoppingPort(), later.append, is_first=True)
        assert lone.worker.running["a"].is_stopping is False
        for each in later:
            each()
        await until_idle()
        assert not lone.worker.running


async def test_a_guard_whose_loop_is_closed_ends() -> None:
    def guard_of_another_loop() -> LoopGuard:
        async def make() -> LoopGuard:
            return LoopGuard(SystemClock(asyncio.get_running_loop()))

        return asyncio.run(make())

    guard = await asyncio.to_thread(guard_of_another_loop)
    guard._is_begun = True
    guard.expect(LEASE_MS)
    await asyncio.to_thread(guard._live)


async def test_a_job_that_holds_the_loop_of_its_node_costs_nobody_a_lease(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, began = App(), asyncio.Event()

    @app.job(concurrency=2, lease="500ms")
    async def blocks() -> None:
        await began.wait()
        hold_loop(1.0)  # longer than a lease, and than a node is late for nothing

    @app.job(concurrency=2, lease="500ms")
    async def innocent() -> None:
        began.set()
        await asyncio.sleep(0)

    with warnings_of(caplog) as said:
        async with app.open(tmp_path):
            handles = [await blocks.submit(), await innocent.submit()]
            for each in handles:
                await each.result(30)
                assert (await each.show())["attempts"] == 1
    assert [line.startswith("the event loop is held by job " + handles[0].id) for line in said] == [
        True,
        False,
    ]
    assert said[1].startswith("the event loop goes on: it was held for ")
    await until(lambda: "seriatim-guard" not in {each.name for each in threading.enumerate()})
