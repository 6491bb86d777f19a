"""A worker: leases jobs of one queue, runs them, and says what has become of them.

Three things go on beside each other: it claims while it has room, it runs what it has, and it
reports: what has ended at once, and what goes on before its lease is over. Whatever it cannot say
because the node is away, it says when the node is back; what it has no lease of any more, it stops.
Where each attempt is, its book knows: `book.py` draws it. When the operator wants it drained, the
node says so with its answers, and it ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from seriatim.actors.queue.commands import Claim, Failed, Released, Report
from seriatim.actors.runtime.absence import Absence
from seriatim.actors.runtime.pauses import Pauses
from seriatim.actors.tracing import run_traced
from seriatim.actors.worker.book import Book
from seriatim.actors.worker.run import Run, Why
from seriatim.formats.errors import (
    RefusedError,
    SchedulerError,
    UnauthorizedError,
    UnavailableError,
)
from seriatim.formats.jobs.status import RunningJob, WorkerStatus
from seriatim.formats.limits import (
    CLAIM_FULL_AFTER_MS,
    CLAIM_WAIT_MS,
    WORKER_BEAT_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
)

if TYPE_CHECKING:
    from seriatim.actors.executor.context import JobContext
    from seriatim.actors.queue.commands import Claimed, Ended, Grant, Reported
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.guard import LoopGuard
    from seriatim.actors.worker.port import JobsPort
    from seriatim.actors.worker.running import Runner

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
        guard: LoopGuard,
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
            guard: notices when jobs hold the event loop.
            takes_commands: whether it runs commands, too, whatever their type.
            category: what it is counted under; see `WorkerStatus`.
            beat_ms: how often it says how it is.
        """
        self.name = name
        self.queue = queue
        self._port = port
        self._absence = Absence(_LOG, f"worker {name}")
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
        self._look_ms = 0
        self._book = Book()
        self._guard = guard
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        # How often the node was told in another loop that it takes nothing more.
        self._detours = 0
        self._is_draining = False
        self._is_quiet = asyncio.Event()
        self._claiming: asyncio.Task[None] | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._report: asyncio.Task[bool] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._has_left = False
        self._is_over = asyncio.Event()
        self._refusal: RefusedError | None = None

    @property
    def is_draining(self) -> bool:
        """Whether it takes nothing more."""
        return self._is_draining

    @property
    def running(self) -> Mapping[str, JobContext]:
        """What it runs, by the jobs' ids."""
        return {run.grant.id: run.context for run in self._book.running}

    def takes(self, kind: str, *, is_command: bool) -> bool:
        """Tell whether it runs jobs of the type *kind*, or commands."""
        return self._takes_commands if is_command else kind in self._types

    def start(self) -> None:
        """Begin to work."""
        self._guard.add(self)
        self._runner.threads.on_fewer = self._has_room.set
        self._claiming = asyncio.ensure_future(self._claim_on())
        self._reporting = asyncio.ensure_future(self._report_on())

    async def drain(self) -> None:
        """Take nothing more; return when all that it has has ended, and was said."""
        await self._claim_no_more()
        await self.quiet()

    async def quiet(self, *, but_loop: bool = False) -> None:
        """Return when it runs nothing, and has said everything; it goes on claiming.

        Args:
            but_loop: what runs on the event loop does not count: it may wait for something.
        """
        while self._book.has_word or any(
            not (but_loop and self._runner.is_on_loop(run)) for run in self._book.running
        ):
            self._is_quiet.clear()
            await self._is_quiet.wait()

    async def left(self) -> None:
        """Return when it has ended: because its node has told it so, or because it was closed.

        Raises:
            RefusedError: the node does not know its token any more: it is to be closed.
        """
        await self._is_over.wait()
        if self._refusal is not None:
            raise self._refusal

    def vanish(self) -> None:
        """Do nothing any more, as if its OS process was killed; what runs is stopped, unheard."""
        self._guard.drop(self)
        self._is_draining = True
        for task in (self._claiming, self._reporting, self._report, self._leaving):
            if task is not None:
                task.cancel()
        self._claiming = None
        for run in list(self._book.running):
            run.lose()

    async def close(self) -> None:
        """Stop at once: what runs is given back, and begun once more by somebody else."""
        if self._has_left:
            return
        if self._leaving is not None:  # it would wait for the end of what is stopped now
            self._leaving.cancel()
            await asyncio.wait([self._leaving])
        await self._claim_no_more()
        runs = list(self._book.running)
        for run in runs:
            run.stop(Why.CLOSED, "its worker ends")
        tasks = [run.task for run in runs if run.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        await self._end()

    async def _claim_no_more(self) -> None:
        """Have the node grant nothing more, and take back what was never heard of here."""
        self._is_draining = True
        if self._claiming is not None:
            self._claiming.cancel()
            await asyncio.wait([self._claiming])
            await self._ask(0, wait_ms=0)  # it is in the place of the claim before
            self._claiming = None

    async def _end(self) -> None:
        self._guard.drop(self)
        try:
            await self._say_the_last()
        finally:
            self._has_left = True
            self._is_over.set()

    async def _say_the_last(self) -> None:
        """Say what is left, in as many reports as it takes, and that this was all."""
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.wait([self._reporting])
        if self._report is not None:  # what is on its way would be said twice
            await asyncio.wait([self._report])
        while self._book.has_word:
            if not await self._say():
                return
        if self._beat:
            left = self._status_now()._replace(has_left=True)
            await self._send(Report(self.name, status=left))

    def _hear_drain(self, *, drain: bool) -> None:
        """Begin to end where the node says that the operator wants it to *drain*."""
        if drain and not self._is_draining:
            _LOG.warning("worker %s is drained: it finishes what it has, and ends", self.name)
            self._is_draining = True
            self._leaving = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        await self.drain()
        await self._end()

    # Claiming.

    async def _claim_on(self) -> None:
        pauses = Pauses(self._clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        while not self._is_draining:
            room = self._room_left()
            if room:
                await self._claim(room, pauses)
            else:
                await self._wait_for_room(pauses)

    async def _claim(self, room: int, pauses: Pauses) -> None:
        """Claim, and take what comes; rest where that was nothing, and too soon."""
        asked_ms, detours = self._clock.monotonic_ms(), self._detours
        claimed = await self._ask(room, wait_ms=CLAIM_WAIT_MS)
        if claimed is not None:
            if detours != self._detours:  # that claim did not name them: others have them by now
                claimed = claimed._replace(grants=())
            self._take(claimed)
            took_ms = self._clock.monotonic_ms() - asked_ms
            if any(claimed) or took_ms >= WORKER_PAUSE_MAX_MS:
                pauses.restart()
                return
        await pauses.rest()  # a node that stops lets nobody wait

    async def _ask(self, room: int, *, wait_ms: int) -> Claimed | None:
        """Claim; return the answer, or ``None`` where there is none."""
        try:
            claimed = await self._port.claim(self.queue, self._claim_for(room), wait_ms=wait_ms)
        except Exception as error:  # noqa: BLE001  # a fault of ours, too, ends no worker
            self._meet_failure("claim", error)
            return None
        self._absence.end("claim")
        return claimed

    def _claim_for(self, room: int) -> Claim:
        return Claim(
            self.name,
            self._types,
            commands=self._takes_commands,
            room=room,
            held=self._book.held,
            is_local=self._is_local,
        )

    def _meet_failure(self, verb: str, error: Exception) -> None:
        """Log what it could not do, and does again in a while; end where that is of no use."""
        if isinstance(error, UnavailableError):
            self._absence.note(error, verb)
            return
        is_ours = not isinstance(error, SchedulerError)
        if isinstance(error, RefusedError) and error.code == UnauthorizedError.code:
            self._refusal = error
            self._is_over.set()
        _LOG.warning(
            "worker %s cannot %s: %s", self.name, verb, error, exc_info=error if is_ours else None
        )

    def _room_left(self) -> int:
        """Return how many more it takes; threads that go on unheard take room, too."""
        return self._book.room(max(self._room - self._runner.threads.too_many, 0))

    async def _wait_for_room(self, pauses: Pauses) -> None:
        """Return when there is room; after a moment, listen meanwhile for what is to be stopped."""
        self._has_room.clear()
        moment = self._clock.call_later(CLAIM_FULL_AFTER_MS, self._has_room.set)
        try:
            await self._has_room.wait()
        finally:
            moment.cancel()
        while not self._room_left():
            self._has_room.clear()
            listening = asyncio.ensure_future(self._claim(0, pauses))
            freed = asyncio.ensure_future(self._has_room.wait())
            try:
                await asyncio.wait((listening, freed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (listening, freed):
                    each.cancel()

    def _take(self, claimed: Claimed) -> None:
        for grant in claimed.grants:
            self._begin(grant)
        for job, reason in claimed.stops.items():
            self._stop(job, reason)
        self._hear_drain(drain=claimed.drain)

    # Running.

    def _begin(self, grant: Grant) -> None:
        run = Run(self.queue, grant, self._clock, self._has_news.set)
        self._book.begin(run)
        run.task = asyncio.ensure_future(self._see_through(run))
        run.begin()
        self._guard.expect(run.lease_ms)
        if run.renew_ms < self._look_ms:
            self._has_news.set()

    async def _see_through(self, run: Run) -> None:
        """Run a job, and note what has become of it, whatever that is."""
        grant = run.grant
        ended: Ended = await run_traced(self.queue, grant, self._runner.run(run))
        run.end()
        if run.why is Why.CLOSED and isinstance(ended, Failed):
            ended = Released(grant.id, grant.token, has_begun=True)
        self._book.end(run, ended)
        self._has_room.set()
        self._has_news.set()
        self._notice_quiet()

    def _stop(self, job: str, reason: str) -> None:
        run = self._book.latest(job)
        if run is not None:
            run.stop(Why.CANCELLED, reason)

    # While the event loop is held: see `LoopGuard`.

    def shortest_lease_ms(self) -> int | None:
        """Return the shortest lease of what runs; ``None`` where nothing does."""
        return self._book.shortest_lease_ms()

    def on_loop(self) -> list[Run]:
        """Return what runs on the event loop. In any thread."""
        return [run for run in self._book.running if self._runner.is_on_loop(run)]

    async def renew_by_detour(
        self, port: JobsPort, later: Callable[[Callable[[], object]], object], *, is_first: bool
    ) -> None:
        """Renew what is due by *port*, in another loop than its own, which is held.

        Args:
            port: its queues, in the loop that runs.
            later: has what it is given called in the worker's own loop, once that comes round.
            is_first: whether the node is to be told that it takes nothing more for now.
        """
        if is_first:
            self._detours += 1
            claimed = await port.claim(self.queue, self._claim_for(0), wait_ms=0)
            later(partial(self._take, claimed))
        sent_ms = self._clock.monotonic_ms()
        due = self._book.to_renew(sent_ms)
        if not due:
            return
        held = [run.held for run in due]
        reported = await port.report(
            self.queue, Report(self.name, held=held, status=self._status())
        )
        for run in due:
            run.renewed_ms = sent_ms
        later(partial(self._hear, reported))

    # Reporting.

    async def _report_on(self) -> None:
        pauses = Pauses(self._clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        while True:
            await self._wait_for_news()
            # A task of its own: who ends meanwhile waits for the answer.
            self._report = asyncio.ensure_future(self._say())
            if await asyncio.shield(self._report):
                pauses.restart()
            else:
                self._has_news.set()
                await pauses.rest()

    async def _wait_for_news(self) -> None:
        if self._has_news.is_set():
            return
        renew_ms = self._book.renew_ms()
        due_ms = self._beat_due_ms
        self._look_ms = due_ms if renew_ms is None else min(due_ms, renew_ms)
        wait_ms = self._look_ms - self._clock.monotonic_ms()
        timer = self._clock.call_later(wait_ms, self._has_news.set)
        try:
            await self._has_news.wait()
        finally:
            timer.cancel()

    async def _say(self) -> bool:
        """Say what there is to say by now, and hear the answer; return whether there was one."""
        self._has_news.clear()
        sent_ms = self._clock.monotonic_ms()
        due = self._book.to_renew(sent_ms)
        word = self._book.word()
        held = [run.held for run in due]
        report = Report(self.name, word.ended, held, word.printed, self._status())
        if not any(report[1:]):
            return True
        reported = await self._send(report)
        if reported is None:
            self._give_up_what_is_lost()
            return False
        self._book.said(word)
        for run in due:
            run.renewed_ms = sent_ms
        self._hear(reported)
        if self._book.has_word:
            self._has_news.set()
        self._notice_quiet()
        return True

    async def _send(self, report: Report) -> Reported | None:
        """Report; return the answer, or ``None`` where there is none."""
        try:
            reported = await self._port.report(self.queue, report)
        except Exception as error:  # noqa: BLE001  # as above
            self._meet_failure("report", error)
            return None
        self._absence.end("report")
        return reported

    def _hear(self, reported: Reported) -> None:
        for job, why in reported.refused.items():
            _LOG.warning("worker %s: its word of job %s is too late: %s", self.name, job, why)
        for held in reported.lost:
            lost = self._book.of(held)
            if lost is not None:
                self._lose(lost)
        for job, reason in reported.stops.items():
            self._stop(job, reason)
        self._hear_drain(drain=reported.drain)

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
            RunningJob(run.grant.id, run.grant.type, run.grant.token, run.fraction, run.note)
            for run in self._book.running
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
        for run in self._book.overdue(self._clock.monotonic_ms()):
            self._lose(run)

    def _lose(self, run: Run) -> None:
        _LOG.warning("worker %s has lost job %s: it stops", self.name, run.grant.id)
        run.lose()

    def _notice_quiet(self) -> None:
        self._is_quiet.set()  # whoever waits looks for himself
