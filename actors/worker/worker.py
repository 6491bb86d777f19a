"""A worker: leases jobs of one queue, runs them, and says what has become of them.

Three things go on beside each other: it claims while it has room, it runs what it has, and it
reports: what has ended at once, and what goes on before its lease is over. Whatever it cannot say
because the node is away, it says when the node is back; what it has no lease of any more, it stops.
When the operator wants it drained, the node says so with its answers, and it ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from seriatim.actors.queue.commands import Claim, Done, Failed, Held, Released, Report
from seriatim.actors.runtime.clock import pause
from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.tracing import run_traced
from seriatim.actors.worker.run import Run, Why
from seriatim.formats.errors import SchedulerError
from seriatim.formats.jobs.status import RunningJob, WorkerStatus
from seriatim.formats.limits import (
    CLAIM_FULL_AFTER_MS,
    CLAIM_WAIT_MS,
    HEARTBEATS_PER_LEASE,
    REPORT_MAX_BYTES,
    WORKER_BEAT_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
    WORKER_ROOM_MAX,
)

if TYPE_CHECKING:
    from seriatim.actors.executor.context import JobContext
    from seriatim.actors.queue.commands import Claimed, Ended, Grant, Printed
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.port import JobsPort
    from seriatim.actors.worker.running import Runner

T = TypeVar("T")

_LOG: Final = logging.getLogger("seriatim.actors")


class Worker:
    """Runs jobs of one queue. Belongs to one event loop.

    Attributes:
        name: its own, and nobody else's.
        queue: where its jobs come from.
    """

    def __init__(
        self,
        port: JobsPort,
        *,
        name: str,
        queue: str,
        runner: Runner,
        room: int,
        clock: Clock,
        is_local: bool,
        takes_commands: bool = False,
        category: str = "",
        beat_ms: int = WORKER_BEAT_MS,
    ) -> None:
        """Work for *queue*.

        Args:
            port: its queues.
            name: no other worker has it, or has had it.
            queue: its name.
            runner: runs them: what it has handlers for.
            room: how many at once, 1 or more.
            clock: for heartbeats and timeouts.
            is_local: whether it ends with the node.
            takes_commands: whether it runs commands, too, whatever their type.
            category: what it is counted under; see `WorkerStatus`.
            beat_ms: how often it says how it is.
        """
        self.name = name
        self.queue = queue
        self._port = port
        self._runner = runner
        self._types = frozenset(runner.handlers)
        self._room = room
        self._clock = clock
        self._is_local = is_local
        self._takes_commands = takes_commands
        self._category = category
        self._beat = 0
        self._beat_ms = beat_ms
        self._beat_due_ms = 0
        self._running: dict[str, Run] = {}
        self._ended: list[Ended] = []
        self._printed: list[Printed] = []
        self._unsaid: dict[str, int] = {}
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_draining = False
        self._is_quiet = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None
        self._has_left = asyncio.Event()

    @property
    def is_draining(self) -> bool:
        """Whether it takes nothing more."""
        return self._is_draining

    @property
    def running(self) -> Mapping[str, JobContext]:
        """What it runs, by the jobs' ids."""
        return {job: run.context for job, run in self._running.items()}

    def takes(self, kind: str, *, is_command: bool) -> bool:
        """Tell whether it runs jobs of the type *kind*, or commands."""
        return self._takes_commands if is_command else kind in self._types

    def start(self) -> None:
        """Begin to work."""
        self._loops = [
            asyncio.ensure_future(self._claim_on()),
            asyncio.ensure_future(self._report_on()),
        ]

    async def drain(self) -> None:
        """Take nothing more; return when all that it has has ended, and was said."""
        self._is_draining = True
        self._has_room.set()
        self._loops[0].cancel()
        await self.quiet()

    async def quiet(self, *, but_loop: bool = False) -> None:
        """Return when it runs nothing, and has said everything; it goes on claiming.

        Args:
            but_loop: what runs on the event loop does not count: it may wait for something.
        """
        while self._unsaid or any(
            not (but_loop and self._runner.is_on_loop(run)) for run in self._running.values()
        ):
            self._is_quiet.clear()
            await self._is_quiet.wait()

    async def left(self) -> None:
        """Return when it has ended: because its node has told it so, or because it was closed."""
        await self._has_left.wait()

    def vanish(self) -> None:
        """Do nothing any more, as if its OS process was killed; what runs is stopped, unheard."""
        self._is_draining = True
        for task in self._loops:
            task.cancel()
        if self._leaving is not None:
            self._leaving.cancel()
        for run in list(self._running.values()):
            run.stop(Why.LOST, "its worker has vanished")

    async def close(self) -> None:
        """Stop at once: what runs is given back, and begun once more by somebody else."""
        if self._has_left.is_set():
            return
        self._is_draining = True
        if self._leaving is not None:  # it would wait for the end of what is stopped now
            self._leaving.cancel()
            await asyncio.gather(self._leaving, return_exceptions=True)
        runs = list(self._running.values())
        for run in runs:
            run.stop(Why.CLOSED, "its worker ends")
        tasks = [run.task for run in runs if run.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        await self._end()

    def _hear(self, *, drain: bool) -> None:
        """Begin to end where the node says that the operator wants it to *drain*."""
        if drain and not self._is_draining:
            _LOG.warning("worker %s is drained: it finishes what it has, and ends", self.name)
            self._is_draining = True
            self._leaving = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        await self.drain()
        await self._end()

    async def _end(self) -> None:
        """Claim and report no more, but that it has left."""
        try:
            for task in self._loops:
                task.cancel()
            await asyncio.gather(*self._loops, return_exceptions=True)
            if self._ended or self._beat:
                await self._say_the_last()
        except SchedulerError as error:
            _LOG.warning("worker %s: not said at its end: %s", self.name, error)
        finally:
            self._has_left.set()

    # Claiming.

    async def _claim_on(self) -> None:
        pauses = Pauses(self._clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        while not self._is_draining:
            if len(self._running) >= self._room:
                await self._wait_for_room()
                continue
            claim = self._claim(self._room - len(self._running))
            try:
                claimed = await self._port.claim(self.queue, claim, wait_ms=CLAIM_WAIT_MS)
            except Exception as error:  # noqa: BLE001  # a fault of ours, too, ends no worker
                self._complain("claim", error)
                await pauses.rest()
                continue
            pauses.restart()
            self._take(claimed)

    def _complain(self, verb: str, error: Exception) -> None:
        """Log what a worker could not do, and does again in a while."""
        is_ours = not isinstance(error, SchedulerError)
        _LOG.warning(
            "worker %s cannot %s: %s", self.name, verb, error, exc_info=error if is_ours else None
        )

    def _claim(self, room: int) -> Claim:
        return Claim(
            self.name,
            self._types,
            commands=self._takes_commands,
            room=room,
            held=self._held(),
            is_local=self._is_local,
        )

    def _held(self) -> list[Held]:
        running = [(job, run.grant.token) for job, run in self._running.items()]
        return running + list(self._unsaid.items())

    async def _wait_for_room(self) -> None:
        """Return when there is room; after a moment, listen meanwhile for what is to be stopped."""
        self._has_room.clear()
        moment = self._clock.call_later(CLAIM_FULL_AFTER_MS, self._has_room.set)
        await self._has_room.wait()
        moment.cancel()
        while len(self._running) >= self._room and not self._is_draining:
            self._has_room.clear()
            listening = asyncio.ensure_future(
                self._port.claim(self.queue, self._claim(0), wait_ms=CLAIM_WAIT_MS)
            )
            freed = asyncio.ensure_future(self._has_room.wait())
            try:
                await asyncio.wait((listening, freed), return_when=asyncio.FIRST_COMPLETED)
                if listening.done() and not listening.cancelled():
                    if listening.exception() is None:
                        self._take(listening.result())
                    else:
                        await pause(self._clock, WORKER_PAUSE_MAX_MS)
            finally:
                for each in (listening, freed):
                    each.cancel()

    def _take(self, claimed: Claimed) -> None:
        for grant in claimed.grants:
            self._begin(grant)
        for job, reason in claimed.stops.items():
            self._stop(job, reason)
        self._hear(drain=claimed.drain)

    # Running.

    def _begin(self, grant: Grant) -> None:
        run = Run(self.queue, grant, self._clock, self._has_news.set)
        self._running[grant.id] = run
        run.task = asyncio.ensure_future(self._see_through(run))
        run.begin()

    async def _see_through(self, run: Run) -> None:
        """Run a job, and note what has become of it, whatever that is."""
        grant = run.grant
        ended = await run_traced(self.queue, grant, self._runner.run(run))
        run.end()
        del self._running[grant.id]
        self._has_room.set()
        if run.why is Why.LOST:
            self._notice_quiet()
            return  # nobody would take its word
        if run.why is Why.CLOSED and isinstance(ended, Failed):
            ended = Released(grant.id, grant.token, has_begun=True)
        self._unsaid[grant.id] = grant.token
        self._printed.extend(run.take_printed())
        self._ended.append(ended)
        self._has_news.set()

    def _stop(self, job: str, reason: str) -> None:
        run = self._running.get(job)
        if run is not None:
            run.stop(Why.CANCELLED, reason)

    # Reporting.

    async def _report_on(self) -> None:
        pauses = Pauses(self._clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        while True:
            await self._wait_for_news()
            sent_ms = self._clock.monotonic_ms()
            due = self._due(sent_ms)
            report = self._report(due)
            if not any(report[1:]):
                continue
            try:
                reported = await self._port.report(self.queue, report)
            except Exception as error:  # noqa: BLE001  # as above
                self._complain("report", error)
                self._ended[:0] = report.ended
                self._printed[:0] = report.printed
                self._has_news.set()
                self._give_up_what_is_lost()
                await pauses.rest()
                continue
            pauses.restart()
            for run in due:
                run.renewed_ms = sent_ms
            for each in report.ended:
                self._unsaid.pop(each.id, None)
            for job, why in reported.refused.items():
                _LOG.warning("worker %s: job %s ended too late: %s", self.name, job, why)
            for job, token in reported.lost:
                self._lose(job, token)
            for job, reason in reported.stops.items():
                self._stop(job, reason)
            self._hear(drain=reported.drain)
            self._notice_quiet()

    async def _wait_for_news(self) -> None:
        if self._has_news.is_set():
            return
        leases = [run.lease_ms // HEARTBEATS_PER_LEASE for run in self._running.values()]
        beat_ms = self._beat_due_ms - self._clock.monotonic_ms()
        timer = self._clock.call_later(min([*leases, beat_ms]), self._has_news.set)
        try:
            await self._has_news.wait()
        finally:
            timer.cancel()

    def _due(self, now_ms: int) -> list[Run]:
        """Return what runs and whose lease is to be renewed."""
        return [
            run
            for run in self._running.values()
            if now_ms - run.renewed_ms >= run.lease_ms // HEARTBEATS_PER_LEASE
        ]

    def _report(self, due: Sequence[Run]) -> Report:
        """Return what there is to say, and that the worker goes on with what is *due*."""
        self._has_news.clear()
        for run in self._running.values():
            self._printed.extend(run.take_printed())
        printed = _take_some(self._printed, lambda each: len(each.data))
        # What a job has printed is said before its end is: afterwards, nobody may say it.
        ended = [] if self._printed else _take_some(self._ended, _size)
        if self._printed or self._ended:
            self._has_news.set()
        held = [(run.grant.id, run.grant.token) for run in due]
        return Report(self.name, ended, held, printed, self._status())

    async def _say_the_last(self) -> None:
        """Say what there is to say at the end; nobody is to wait for another word."""
        while True:
            left = self._status_now()._replace(has_left=True)
            ended = _take_some(self._ended, _size)
            await self._port.report(self.queue, Report(self.name, ended, status=left))
            if not self._ended:
                return

    def _status(self) -> WorkerStatus | None:
        """Return how it is, once in ``WORKER_BEAT_MS``; else ``None``."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._beat_due_ms:
            return None
        self._beat_due_ms = now_ms + self._beat_ms
        return self._status_now()

    def _status_now(self) -> WorkerStatus:
        self._beat += 1
        running = [
            RunningJob(job, run.grant.type, run.grant.token, run.fraction, run.note)
            for job, run in self._running.items()
        ]
        return WorkerStatus(
            worker=self.name,
            queue=self.queue,
            host=socket.gethostname(),
            pid=os.getpid(),
            category=self._category,
            types=sorted(self._types),
            room=self._room,
            running=running,
            is_draining=self._is_draining,
            beat=self._beat,
            beat_ms=self._clock.now_ms(),
        )

    def _give_up_what_is_lost(self) -> None:
        """Stop what the node must think lost by now: somebody else may have begun it."""
        now_ms = self._clock.monotonic_ms()
        for job, run in list(self._running.items()):
            if now_ms - run.renewed_ms > run.lease_ms:
                self._lose(job, run.grant.token)

    def _lose(self, job: str, token: int) -> None:
        run = self._running.get(job)
        if run is not None and run.grant.token == token:
            _LOG.warning("worker %s has lost job %s: it stops", self.name, job)
            run.stop(Why.LOST, "its lease is over")

    def _notice_quiet(self) -> None:
        self._is_quiet.set()  # whoever waits looks for himself


def _take_some(items: list[T], size_of: Callable[[T], int]) -> list[T]:
    """Take as many of the first of *items* as half a report has room for; return them."""
    count = size_bytes = 0
    while count < min(len(items), WORKER_ROOM_MAX) and size_bytes < REPORT_MAX_BYTES // 2:
        size_bytes += size_of(items[count])
        count += 1
    taken = items[:count]
    del items[:count]
    return taken


def _size(ended: Ended) -> int:
    """Return about how many bytes *ended* is in JSON."""
    if isinstance(ended, Failed):
        return len(ended.reason) + len(str(ended.details))
    return len(ended.result) if isinstance(ended, Done) else 0
