"""Runners: a deadline for each job, a new worker for one that is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from seriatim.actors.compute.runner import Runner
from seriatim.actors.compute.work import Job, Ran
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import (
    ChildDiedError,
    ChildFailedError,
    FoldError,
    StoppingError,
    UnavailableError,
)
from seriatim.formats.limits import FOLD_DEADLINE_MS, FOLD_WORKERS_MAX
from tests.support.waiting import until_idle

JOB = Job("f@1.0", 1, bytes(32), 0, 1, (b"",), b"\xf6")
OTHER = JOB._replace(process=b"o" * 32)
RAN = Ran([], b"")


class ToldWorker:
    """Answers when a test says so."""

    def __init__(self) -> None:
        self.calls: list[Future[Sequence[Ran]]] = []
        self.abandoned = 0
        self.closed = 0

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Ran]]:
        assert jobs in ([JOB], [OTHER])
        self.calls.append(Future())
        return self.calls[-1]

    async def close(self) -> None:
        self.closed += 1

    def abandon(self) -> None:
        self.abandoned += 1


def run(
    use: Callable[[Runner, list[ToldWorker], ManualClock], Awaitable[None]],
    *,
    is_killing: bool = True,
) -> None:
    """Run *use* on a runner, and on the list of the workers that it has opened."""
    workers: list[ToldWorker] = []
    clock = ManualClock()

    async def open_worker() -> ToldWorker:
        workers.append(ToldWorker())
        return workers[-1]

    async def main() -> None:
        await use(Runner(open_worker, clock, is_killing=is_killing), workers, clock)
        assert clock.due_ms() is None, "no timer is left"

    asyncio.run(main())


def test_a_worker_is_used_again_and_no_more_are_opened_than_the_bound() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        del clock
        running = [asyncio.create_task(runner.run(JOB)) for _ in range(FOLD_WORKERS_MAX + 1)]
        await until_idle()
        assert [len(worker.calls) for worker in workers] == [1] * FOLD_WORKERS_MAX
        workers[0].calls[0].resolve([RAN])
        await until_idle()
        assert [len(worker.calls) for worker in workers] == [2] + [1] * (FOLD_WORKERS_MAX - 1)
        for worker in workers:
            worker.calls[-1].resolve([RAN])
        assert await asyncio.gather(*running) == [RAN] * len(running)
        await runner.close()
        assert [worker.closed for worker in workers] == [1] * FOLD_WORKERS_MAX
        with pytest.raises(StoppingError):
            await runner.run(JOB)

    run(use)


def test_what_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seriatim.actors.compute.runner.FOLD_WORKERS_MAX", 1)

    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        running = asyncio.create_task(runner.run(JOB))
        behind = asyncio.create_task(runner.run(JOB))
        await until_idle()
        clock.advance(FOLD_DEADLINE_MS - 1)
        await until_idle()
        assert not running.done()
        clock.advance(1)
        await until_idle()
        with pytest.raises(FoldError, match="has not ended within") as caught:
            await running
        assert caught.value.code == "fold_deadline"
        assert workers[0].abandoned == 1
        workers[1].calls[0].resolve([RAN])
        assert await behind == RAN, "who waits gets another worker"
        assert workers[1].abandoned == 0

    run(use)


def test_a_fold_that_ends_its_worker_is_told_from_one_that_is_not_known() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        del clock
        dying = asyncio.create_task(runner.run(JOB))
        await until_idle()
        workers[0].calls[0].fail(ChildDiedError("a fold", status=-9))
        with pytest.raises(FoldError) as caught:
            await dying
        assert (caught.value.code, workers[0].abandoned) == ("fold_died", 1)
        unknown = asyncio.create_task(runner.run(JOB))
        await until_idle()
        workers[1].calls[0].fail(ChildFailedError("a fold", kind="UnsupportedError", reason="no"))
        with pytest.raises(ChildFailedError):
            await unknown
        again = asyncio.create_task(runner.run(JOB))
        await until_idle()
        workers[1].calls[1].resolve([RAN])
        assert await again == RAN, "its worker is as good as before"

    run(use)


def test_who_leaves_takes_the_worker_along() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        del clock
        running = asyncio.create_task(runner.run(JOB))
        await until_idle()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert workers[0].abandoned == 1, "the job may still run there"

    run(use)


def test_nobody_is_accused_beside_folds_that_were_left_behind() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        for job, error in ((JOB, FoldError), (JOB, FoldError), (OTHER, UnavailableError)):
            running = asyncio.create_task(runner.run(job))
            await until_idle()
            clock.advance(FOLD_DEADLINE_MS)
            with pytest.raises(error):
                await running
        assert [worker.abandoned for worker in workers] == [1, 1, 1]

    run(use, is_killing=False)


def test_a_fold_that_has_ended_after_all_is_no_excuse_for_another() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        leaving = asyncio.create_task(runner.run(OTHER))
        await until_idle()
        leaving.cancel()
        await until_idle()
        workers[0].calls[0].resolve([RAN])
        running = asyncio.create_task(runner.run(JOB))
        await until_idle()
        clock.advance(FOLD_DEADLINE_MS)
        with pytest.raises(FoldError):
            await running

    run(use, is_killing=False)


def test_who_runs_when_the_node_stops_hears_of_it_at_once() -> None:
    async def use(runner: Runner, workers: list[ToldWorker], clock: ManualClock) -> None:
        del clock
        running = asyncio.create_task(runner.run(JOB))
        await until_idle()
        await runner.close()
        with pytest.raises(StoppingError):
            await running
        assert workers[0].abandoned == 1

    run(use)


def test_a_worker_that_opens_while_the_node_stops_gets_no_job() -> None:
    async def main() -> None:
        may_open = asyncio.Event()
        worker = ToldWorker()

        async def open_worker() -> ToldWorker:
            await may_open.wait()
            return worker

        runner = Runner(open_worker, ManualClock(), is_killing=True)
        running = asyncio.create_task(runner.run(JOB))
        await until_idle()
        await runner.close()
        may_open.set()
        with pytest.raises(StoppingError):
            await running
        assert (worker.calls, worker.abandoned) == ([], 1)

    asyncio.run(main())
