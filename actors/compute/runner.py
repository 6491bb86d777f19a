"""Running folds with a deadline: what does not end is left behind, and everybody else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from seriatim.formats.errors import (
    ChildDiedError,
    DeadlineExceededError,
    FoldError,
    SchedulerError,
    StoppingError,
)
from seriatim.formats.limits import FOLD_DEADLINE_MS, FOLD_WORKERS_MAX

if TYPE_CHECKING:
    from seriatim.actors.compute.work import Job, Ran
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.runtime.future import Future


class Worker(Protocol):
    """An `Offload` of jobs that can be left behind."""

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Ran]]:
        """See `Offload.call`."""

    async def close(self) -> None:
        """See `Offload.close`."""

    def abandon(self) -> None:
        """Give up on a call that does not end: kill who handles it, or let it run to no end."""


class Runner:
    """A few workers, opened when there is work. Belongs to one event loop."""

    def __init__(self, open_worker: Callable[[], Awaitable[Worker]], clock: Clock) -> None:
        """Open workers with *open_worker*, ``FOLD_WORKERS_MAX`` at a time; none yet."""
        self._open_worker = open_worker
        self._clock = clock
        self._places = asyncio.Semaphore(FOLD_WORKERS_MAX)
        self._idle: list[Worker] = []
        self._is_closed = False

    async def run(self, job: Job) -> Ran:
        """Return what becomes of *job*.

        Raises:
            FoldError: it has not ended in time (``fold_deadline``), or has ended its worker
                (``fold_died``). Which of several slots it was, nobody knows.
            SchedulerError: the job cannot be read, or its fold is not known.
        """
        async with self._places:
            if self._is_closed:
                raise StoppingError("the node is stopping")
            worker = self._idle.pop() if self._idle else await self._open_worker()
            try:
                ran = await self._call(worker, job)
            except BaseException as error:
                if isinstance(error, SchedulerError) and not isinstance(error, FoldError):
                    self._idle.append(worker)
                else:
                    worker.abandon()
                raise
            self._idle.append(worker)
            return ran

    async def close(self) -> None:
        """Take no more jobs, and end the workers that have none."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.close()

    async def _call(self, worker: Worker, job: Job) -> Ran:
        answer = worker.call([job])
        late = DeadlineExceededError(f"the fold {job.fold}", deadline_ms=FOLD_DEADLINE_MS)
        timer = self._clock.call_later(FOLD_DEADLINE_MS, partial(answer.fail, late))
        try:
            (ran,) = await answer
        except DeadlineExceededError as error:
            raise FoldError(
                f"{job.fold} has not ended within {FOLD_DEADLINE_MS} ms", code="fold_deadline"
            ) from error
        except ChildDiedError as error:
            raise FoldError(
                f"{job.fold} has ended the OS process that it ran in", code="fold_died"
            ) from error
        finally:
            timer.cancel()
        return ran
