"""Running folds with a deadline: what does not end is left behind, and everybody else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import (
    ChildDiedError,
    DeadlineExceededError,
    FoldError,
    SchedulerError,
    StoppingError,
    UnavailableError,
)
from seriatim.formats.limits import FOLD_DEADLINE_MS, FOLD_WORKERS_MAX

if TYPE_CHECKING:
    from seriatim.actors.compute.work import Job, Ran
    from seriatim.actors.runtime.clock import Clock


_CROWDED: Final = "folds_left_behind"


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

    def __init__(
        self, open_worker: Callable[[], Awaitable[Worker]], clock: Clock, *, is_killing: bool
    ) -> None:
        """Open workers with *open_worker*, ``FOLD_WORKERS_MAX`` at a time; none yet.

        Args:
            open_worker: opens one.
            clock: for deadlines.
            is_killing: whether one that is abandoned is gone, and takes nobody's time any more.
        """
        self._open_worker = open_worker
        self._is_killing = is_killing
        self._clock = clock
        self._places = asyncio.Semaphore(FOLD_WORKERS_MAX)
        self._idle: list[Worker] = []
        self._answers: set[Future[Sequence[Ran]]] = set()
        self._left_behind: list[Job] = []  # they may still run
        self._is_closed = False

    async def run(self, job: Job) -> Ran:
        """Return what becomes of *job*.

        Raises:
            FoldError: it has not ended in time (``fold_deadline``), or has ended its worker
                (``fold_died``). Which of several slots it was, nobody knows.
            UnavailableError: it has not ended in time, and it may be others that keep it from
                that: folds that were left behind.
            SchedulerError: the job cannot be read, or its fold is not known.
        """
        async with self._places:
            self._check_open()
            worker = self._idle.pop() if self._idle else await self._open_worker()
            try:
                self._check_open()  # once more: to open one takes its time
                ran = await self._call(worker, job)
            except BaseException as error:
                if isinstance(error, SchedulerError) and not self._has_ended(error):
                    self._idle.append(worker)
                else:
                    self._leave_behind(worker, job)
                raise
            self._idle.append(worker)
            return ran

    def release(self) -> None:
        """Take no more jobs, and answer those that run with `StoppingError`."""
        self._is_closed = True
        for answer in list(self._answers):
            answer.fail(StoppingError("the node is stopping"))

    async def close(self) -> None:
        """Release who waits, and end all workers."""
        self.release()
        await asyncio.sleep(0)  # they leave their workers behind
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoppingError("the node is stopping")

    def _ended(self, job: Job, _: object) -> None:
        """Hear that a job has come to its end after all, if somebody had given it up."""
        if job in self._left_behind:
            self._left_behind.remove(job)

    def _has_ended(self, error: SchedulerError) -> bool:
        """Tell whether a worker is of no use any more after *error*."""
        return isinstance(error, (FoldError, StoppingError)) or error.code == _CROWDED

    def _leave_behind(self, worker: Worker, job: Job) -> None:
        worker.abandon()
        if not self._is_killing:
            self._left_behind.append(job)

    async def _call(self, worker: Worker, job: Job) -> Ran:
        answer: Future[Sequence[Ran]] = Future()
        call = worker.call([job])
        call.add_done_callback(answer.follow)
        call.add_done_callback(partial(self._ended, job))
        self._answers.add(answer)
        late = DeadlineExceededError(f"the fold {job.fold}", deadline_ms=FOLD_DEADLINE_MS)
        timer = self._clock.call_later(FOLD_DEADLINE_MS, partial(answer.fail, late))
        try:
            (ran,) = await answer
        except DeadlineExceededError as error:
            if not all(_covers(other, job) for other in self._left_behind):
                raise UnavailableError(
                    f"{job.fold} has not ended in time, beside others that never have: whose fault "
                    "that is, nobody knows; start the program again",
                    code=_CROWDED,
                ) from error
            raise FoldError(
                f"{job.fold} has not ended within {FOLD_DEADLINE_MS} ms", code="fold_deadline"
            ) from error
        except ChildDiedError as error:
            raise FoldError(
                f"{job.fold} has ended the OS process that it ran in", code="fold_died"
            ) from error
        finally:
            timer.cancel()
            self._answers.discard(answer)
        return ran


def _covers(other: Job, job: Job) -> bool:
    """Tell whether *other* was over the slots of *job*, too: then it is no one else's fault."""
    last = other.first + len(other.records)
    return other.process == job.process and other.first <= job.first < last
