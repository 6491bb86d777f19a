"""An app under test: a real queue on disk, real workers, and a time that the test lets pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from seriatim.actors.app.enqueued import expect_enqueued, is_job_of
from seriatim.actors.queue.commands import Change
from seriatim.actors.runtime.virtual_clock import Passed, VirtualClock, passed_ms
from seriatim.formats.jobs.state import LIVE, JobState
from seriatim.formats.jobs.view import plain_view_of
from seriatim.formats.limits import PAGE_MAX, REHEARSAL_MAX_MS

if TYPE_CHECKING:
    from seriatim.actors.app.app import App
    from seriatim.actors.app.job_function import JobFunction
    from seriatim.actors.app.running_app import RunningApp
    from seriatim.formats.jobs.job import Job

_TURNS = 5


class Rehearsal:
    """What a test may do with an app.

    Attributes:
        app: the app.
        running: the app, open.
        clock: its time.
    """

    def __init__(self, app: App, running: RunningApp, clock: VirtualClock) -> None:
        self.app = app
        self.running = running
        self.clock = clock

    async def settle(self) -> None:
        """Return when nothing goes on that time does not have to pass for.

        A coroutine function that waits for something else than this clock is not waited for.
        """
        quiet_turns, running = 0, None
        while quiet_turns < _TURNS:
            await asyncio.sleep(0)
            await self.running.node.triggers.settled()
            for worker in self.running.workers:
                await worker.quiet(but_loop=True)
            for queue in self.app.queues:
                # Answered behind all that was asked before, and on disk.
                await self.running.queues.change(queue, Change({}))
            before, running = running, [list(each.running) for each in self.running.workers]
            quiet_turns = quiet_turns + 1 if running == before else 0

    async def pass_time(self, **passed: Unpack[Passed]) -> None:
        """Let time pass; what comes due on the way is done at its time.

        Raises:
            ValueError: the sum is below zero.
        """
        end_ms = self.clock.monotonic_ms() + passed_ms(passed)
        await self.settle()
        while (due_ms := self.clock.due_ms()) is not None and due_ms <= end_ms:
            self.clock.advance(milliseconds=due_ms - self.clock.monotonic_ms())
            await self.settle()
        self.clock.advance(milliseconds=end_ms - self.clock.monotonic_ms())
        await self.settle()

    async def drain(self) -> None:
        """Let time pass until no job is left that has not ended: delays and retries, too.

        Raises:
            AssertionError: some is left after ``REHEARSAL_MAX_MS``, or waits for another one that
                nobody has submitted.
        """
        end_ms = self.clock.monotonic_ms() + REHEARSAL_MAX_MS
        await self.settle()
        while states := self._live_states():
            due_ms = self.clock.due_ms()
            if states == {JobState.BLOCKED} or due_ms is None or due_ms > end_ms:
                raise AssertionError(f"these jobs do not end: {self.live()}")
            self.clock.advance(milliseconds=due_ms - self.clock.monotonic_ms())
            await self.settle()

    def live(self) -> list[Mapping[str, Any]]:
        """Return what there is to say of each job that has not ended; see ``docs/jobs.md``."""
        return [plain_view_of(queue, job) for queue, job in self._live()]

    def enqueued(
        self, function: JobFunction[Any, Any, Any], **arguments: Any
    ) -> list[Mapping[str, Any]]:
        """Return the jobs of *function* that have not ended, and have these arguments."""
        return [
            plain_view_of(queue, job)
            for queue, job in self._live()
            if is_job_of(job, function, arguments)
        ]

    def assert_enqueued(
        self, function: JobFunction[Any, Any, Any], *, times: int | None = None, **arguments: Any
    ) -> None:
        """Fail unless a job of *function* with these arguments waits or runs.

        Args:
            function: of the app.
            times: so many, and no more; ``None`` for one or more.
            arguments: by name; what is not named may be whatever it is.

        Raises:
            AssertionError: there is none, or not so many; it says what there is.
        """
        expect_enqueued([job for _, job in self._live()], function, times, arguments)

    async def kill_worker(self, queue: str = "") -> None:
        """Have the worker of *queue* vanish, as by SIGKILL, and another one begin.

        What it had runs on unheard, and is given to another worker when its lease is over.

        Args:
            queue: its name; empty for the only one of the app, or ``default`` of several.

        Raises:
            NotFoundError: no function of the app has its jobs there.
        """
        queues = self.app.queues
        queue = queue or (queues[0] if len(queues) == 1 else "default")
        workers = self.running.workers
        for worker in [each for each in workers if each.queue == queue]:
            worker.vanish()
            workers.remove(worker)
        await self.running.work(queue, beat_ms=REHEARSAL_MAX_MS)

    def _live_states(self) -> set[JobState]:
        """Return the states in which jobs are that have not ended."""
        reader = self.running.queues.reader
        states = [reader.now(queue).states for queue in self.app.queues]
        return {state for state in LIVE for each in states if state in each}

    def _live(self) -> Iterator[tuple[str, Job]]:
        reader = self.running.queues.reader
        for queue in self.app.queues:
            page = reader.page(queue, states=LIVE, limit=PAGE_MAX)
            yield from ((queue, job) for job in page.jobs)
            while page.after is not None:
                page = reader.page(queue, states=LIVE, after=page.after, limit=PAGE_MAX)
                yield from ((queue, job) for job in page.jobs)


@asynccontextmanager
async def rehearse(
    app: App, folder: str | Path, *, work: bool = True, clock: VirtualClock | None = None
) -> AsyncIterator[Rehearsal]:
    """Open *app* on *folder* for a test, in virtual time.

    Args:
        app: the app.
        folder: the data folder: a temporary one.
        work: whether jobs run; without it, they wait for ever.
        clock: the time; a new one where there is none.
    """
    own = clock or VirtualClock()
    async with app.open(folder, work=False, clock=own) as running:
        for queue in app.queues if work else ():
            # Each beat would be a stop on the way of the clock.
            await running.work(queue, beat_ms=REHEARSAL_MAX_MS)
        rehearsal = Rehearsal(app, running, own)
        await rehearsal.settle()
        yield rehearsal
