"""The queues of one node: found by their names, made with their first jobs or settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from seriatim.actors.queue.awaited import Awaited
from seriatim.actors.queue.clerk import Clerk
from seriatim.actors.queue.commands import (
    NOTHING,
    AwaitIdle,
    Change,
    LetGo,
    Released,
    Report,
    Reported,
    Submit,
)
from seriatim.actors.queue.entry import checked
from seriatim.actors.queue.log_lines import log_slot
from seriatim.actors.queue.mail import Ask, Release, Withdraw
from seriatim.actors.queue.reader import QueueReader
from seriatim.actors.queue.report_parts import joined, parts_of
from seriatim.actors.queue.tally import Tally
from seriatim.actors.queue.wishes import Wishes
from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.unbroken import unbroken
from seriatim.formats.errors import (
    ActorDeadError,
    LimitExceededError,
    NotFoundError,
    OverloadedError,
    SchedulerError,
    StoppingError,
)
from seriatim.formats.ids import encode_id
from seriatim.formats.jobs.fold import DEVICE, QueueFold
from seriatim.formats.jobs.job_id import ENTROPY_BYTES, check_name, make_job_id
from seriatim.formats.jobs.rows import NAMES, name_path
from seriatim.formats.jobs.settings import PAUSES
from seriatim.formats.jobs.spec import Asked
from seriatim.formats.limits import ASK_DEADLINE_MS, QUEUES_MAX
from seriatim.formats.message import Message
from seriatim.formats.schedule.submission import submit_unsigned
from seriatim.formats.schedule.variant import Variant

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import (
        Claim,
        Claimed,
        Command,
        Submitted,
    )
    from seriatim.actors.queue.world import World
    from seriatim.actors.runtime.actor import LightRef
    from seriatim.formats.jobs.fold import Event
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.jobs.status import RunningJob, WorkerStatus
    from seriatim.formats.monitor.beat import Beat


class Endings(NamedTuple):
    """What is known of jobs whose ends somebody waits for.

    Attributes:
        ended: those that have ended.
        unknown: ids of those that are not there: they may be forgotten.
    """

    ended: Sequence[Job]
    unknown: Sequence[str]


class Queues:
    """Everything that may be asked of a node's queues. Belongs to one event loop.

    Attributes:
        reader: looks at what is durable.
        clock: the node's.
        entropy: gives that many random bytes.
        on_status: is told how each worker is, as it says itself.
        last_beat: returns what a worker has said last; ``None`` for one that nobody knows.
        running: returns what the worker of a job has said last of it.
        tallies: what each queue has done since the start, by name.
        wishes: what the operator wants of the whole, and of workers.
        is_released: whether nobody waits for anything any longer; see `release`.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.reader = QueueReader(world.tree)
        self.clock = world.dispatcher.clock
        self.entropy = world.entropy
        self.on_status: Callable[[WorkerStatus], object] = _no_matter
        self.last_beat: Callable[[str], Beat | None] = _unknown
        self.running: Callable[[Job], RunningJob | None] = _unknown
        self.tallies: dict[str, Tally] = {}
        self.wishes = Wishes(world.tree, world.own)
        self._processes = dict(world.tree.all_values(NAMES))
        self._own = set(self._processes.values())
        self._clerks: dict[str, LightRef[Clerk]] = {}
        self._found_slots: dict[str, int] = {}
        # The jobs that have not ended, as the clerks know them: ahead of what is on disk.
        self._live: dict[str, Collection[str]] = {}
        self._spawning = asyncio.Lock()
        self._is_closed = False
        self._ends: Awaited[tuple[str, str], Job] = Awaited(self.clock)
        self._made: Awaited[str, bool] = Awaited(self.clock)
        self.is_released = False

    def start(self) -> None:
        """Begin to see to what waits in the queues that there are."""
        for queue in self._processes:
            self._clerk(queue)

    @property
    def names(self) -> Sequence[str]:
        """The queues that there are, by name."""
        return sorted(self._processes)

    def process(self, queue: str) -> bytes:
        """Return the id of the process whose log is that of *queue*, 32 raw bytes.

        Raises:
            NotFoundError: there is no such queue.
        """
        found = self._processes.get(queue)
        if found is None:
            raise NotFoundError(
                f"no queue {queue} here; it is made with its first job, or by its settings"
            )
        return found

    def is_own(self, process: bytes) -> bool:
        """Tell whether the log of *process*, 32 raw bytes, is that of a queue."""
        return process in self._own

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """Submit *jobs*, all or none; what has no id gets one. Return when they are on disk.

        Raises:
            StoppingError: the operator wants no more of them.
            SchedulerError: see `check_submit`, and `ask`.
        """
        (submitted,) = await self.submit_each(queue, (jobs,))
        return await submitted

    async def submit_each(
        self, queue: str, submissions: Sequence[Sequence[Asked]]
    ) -> Sequence[Future[list[Submitted]]]:
        """Submit as `submit` does, several times at once; return what is to become of each.

        Raises:
            StoppingError: the operator wants no more jobs.
            SchedulerError: the queue cannot be made; see `_open`.
        """
        if self.wishes.flags.stop:
            raise StoppingError("this node takes no jobs now: its operator has set the flag stop")
        await self._open(queue)
        return [self._answer(queue, Submit(self._named(jobs))) for jobs in submissions]

    def _named(self, jobs: Sequence[Asked]) -> list[Asked]:
        return [
            each if each.id else Asked(self.make_id(), each.type, each.spec, is_new=True)
            for each in jobs
        ]

    def make_id(self) -> str:
        """Return an id for a job, which no other one has."""
        return make_job_id(self.clock.now_ms(), self.entropy(ENTROPY_BYTES))

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """Lease jobs of *queue*, and wait for up to *wait_ms* until there is one.

        Where there is no such queue, it waits for that, too: a worker may come before the first
        job, and one that was begun for a slip of the pen leaves no trace.

        Who is cancelled withdraws the claim: nothing is granted to it from then on, and what was
        granted meanwhile is given back.

        Raises:
            MalformedError: that is no name; code ``bad_name``.
            SchedulerError: see `ask`.
        """
        if queue not in self._processes:
            asked_ms = self.clock.monotonic_ms()
            name = check_name(queue, "queue")
            if not await self._made.wait([name], self._patience_ms(wait_ms)):
                return NOTHING._replace(drain=self.wishes.drains(claim.worker))
            wait_ms = max(wait_ms - (self.clock.monotonic_ms() - asked_ms), 0)
        if self.wishes.drains(claim.worker):
            claim = claim._replace(room=0)
        reply: Future[Claimed] = self._answer(queue, claim, wait_ms)
        try:
            claimed = await reply
        except asyncio.CancelledError:
            self._withdraw(queue, claim.worker, reply)
            raise
        return claimed._replace(drain=self.wishes.drains(claim.worker))

    def _withdraw(self, queue: str, worker: str, reply: Future[Claimed]) -> None:
        def give_back(_: Future[Claimed]) -> None:
            if reply.error() is not None:
                return
            unheard = [Released(each.id, each.token) for each in reply.get().grants]
            if unheard:
                with suppress(SchedulerError):  # the node stops: the next one sees to it
                    self._answer(queue, Report(worker, unheard))

        with suppress(SchedulerError):  # whoever stops the clerk answers
            self._clerk(queue).tell(Withdraw(reply))
        reply.add_done_callback(give_back)

    async def ask(self, queue: str, command: Command) -> Any:
        """Have *command* done; return its answer when that is on disk.

        Raises:
            NotFoundError: no such queue.
            SchedulerError: it is refused; see `checked` and `QueueMachine`.
            UnavailableError: not now, and perhaps it was done; the same again is safe.
        """
        return await self._answer(queue, checked(command))

    def release(self) -> None:
        """Let nobody wait for anything any longer; what is asked is answered still."""
        self.is_released = True
        for ref in self._clerks.values():
            with suppress(ActorDeadError):
                ref.tell(Release())
        self._ends.release()
        self._made.release()

    def _answer(self, queue: str, command: Command | AwaitIdle, wait_ms: int = 0) -> Future[Any]:
        wait_ms = self._patience_ms(wait_ms)
        reply: Future[Any] = Future()
        clerk = self._clerk(queue)
        try:
            clerk.tell(Ask(command, reply, wait_ms))
        except (ActorDeadError, OverloadedError) as error:
            reply.fail(error)
        else:
            deadline_ms = wait_ms + ASK_DEADLINE_MS
            self._world.dispatcher.watch(reply, f"queue {queue}", deadline_ms)
        return reply

    def _patience_ms(self, wait_ms: int) -> int:
        """Return for how long somebody waits who would for *wait_ms*."""
        return 0 if self.is_released else wait_ms

    async def report(self, queue: str, report: Report) -> Reported:
        """Note what has become of jobs; see `Report`.

        A heartbeat alone is no matter of the queue's, which need not be there.

        Raises:
            SchedulerError: see `ask`.
        """
        status = report.status
        if status is not None:
            self.on_status(status)
        if status is None or report.ended or report.held or report.printed:
            replies = [self._answer(queue, part) for part in parts_of(report)]
            reported = joined([await reply for reply in replies])
        else:
            reported = Reported({}, [], {})
        if status is not None and status.has_left:
            await self.wishes.forget(status.worker)
        return reported._replace(drain=self.wishes.drains(report.worker))

    async def drain(self, worker: str) -> None:
        """Have *worker* finish what it has, take nothing more, and end.

        When this returns, the wish is on disk, and no job is granted to *worker* any more. It
        hears of it with the answer to its claim, or to its next beat. Once it has left, or was not
        heard of for ``BEATS_KEPT_MS``, nothing more is wanted of it.

        Raises:
            MalformedError: that is no name; code ``bad_name``.
            NotFoundError: no such worker is known.
            SchedulerError: see `ask`.
        """
        beat = self.last_beat(check_name(worker, "worker"))
        if beat is None:
            raise NotFoundError(f"no worker {worker} here; it has ended, or was never heard of")
        await self.wishes.drain(worker, lambda each: self.last_beat(each) is not None)
        if beat.status.queue in self._processes:
            # Behind all that it has asked: what waits is answered before a job comes for it.
            await self.ask(beat.status.queue, LetGo(worker))

    async def change(self, queue: str, command: Command) -> Any:
        """Have *command* done as `ask` does; the queue is made where it is missing.

        It is not where the command is to pause it, or to have it go on: that is a slip of the pen.

        Raises:
            NotFoundError: it is missing, and is not made.
            SchedulerError: see `ask`.
        """
        said = command.change if isinstance(command, Change) else {}
        if not said or not said.keys() <= PAUSES:
            await self._open(queue)
        return await self.ask(queue, command)

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """Return the slot at which *queue* has no live job; ``None`` if it has some for *wait_ms*.

        Raises:
            NotFoundError: there is no such queue.
            SchedulerError: see `ask`.
        """
        slot: int | None = await self._answer(queue, AwaitIdle(), wait_ms)
        return slot

    async def ended(self, queue: str, job: str, *, wait_ms: int) -> Job | None:
        """Return *job* once it has ended; ``None`` if it has not within *wait_ms*.

        Raises:
            NotFoundError: there is no such job.
        """
        found, unknown = await self.endings(queue, [job], wait_ms=wait_ms)
        if unknown:
            raise NotFoundError(f"no job {job[:64]} in queue {queue}; it may be forgotten")
        return found[0] if found else None

    async def endings(self, queue: str, jobs: Sequence[str], *, wait_ms: int) -> Endings:
        """Return those of *jobs* that have ended, as soon as one has, or is not there.

        None of them where that is so for *wait_ms*.
        """
        live = self._live.get(queue, ())
        ended, unknown = [], []
        for job in dict.fromkeys(jobs):
            if job not in live:  # most who ask have just submitted it
                found = self.reader.job(queue, job)
                if found is None:
                    unknown.append(job)
                elif found.state.is_ended:
                    ended.append(found)
        if not ended and not unknown:
            keys = [(queue, job) for job in jobs]
            told = await self._ends.wait(keys, self._patience_ms(wait_ms))
            ended.extend(told.values())
        return Endings(ended, unknown)

    @property
    def failed(self) -> Sequence[str]:
        """The queues whose clerk has ended though the node goes on; the next command begins one."""
        return [name for name, ref in self._clerks.items() if ref.actor_stopped.is_set()]

    async def close(self) -> None:
        """Answer everybody who waits, and take nothing more."""
        self._is_closed = True
        for ref in self._clerks.values():
            await ref.stop()
        self._ends.fail(_stopping())
        self._made.fail(_stopping())

    def _clerk(self, queue: str) -> LightRef[Clerk]:
        if self._is_closed:
            raise _stopping()
        ref = self._clerks.get(queue)
        if ref is None or ref.actor_stopped.is_set():
            process = self.process(queue)
            self.tallies.setdefault(queue, Tally())
            ref = Clerk.start(
                self._world.dispatcher,
                self._world,
                queue,
                process,
                self._told,
                self._loaded,
                partial(self._live.pop, queue, None),
            )
            self._clerks[queue] = ref
        return ref

    def _loaded(self, fold: QueueFold) -> int:
        """Note that a queue was read; return at which slot it was so first.

        A clerk may read it many times, and may have been begun anew: the node is the same still.
        """
        self._live[fold.queue] = fold.live
        return self._found_slots.setdefault(fold.queue, fold.slot)

    def _told(self, queue: str, slot: int, events: Sequence[Event], ended: Sequence[Job]) -> None:
        self.tallies[queue].add(events, ended)
        log_slot(queue, slot, events)
        for job in ended:
            self._ends.tell((queue, job.id), job)

    async def _open(self, queue: str) -> None:
        """Make *queue* where there is none.

        Raises:
            MalformedError: that is no name; code ``bad_name``.
            LimitExceededError: there are ``QUEUES_MAX`` queues.
        """
        if queue in self._processes:
            return
        check_name(queue, "queue")
        await self._make(queue)

    @unbroken
    async def _make(self, queue: str) -> None:
        async with self._spawning:
            if queue in self._processes:
                return
            if self._is_closed:
                raise _stopping()
            if len(self._processes) >= QUEUES_MAX:
                given = len(self._processes) + 1
                raise LimitExceededError("number of queues", given=given, maximum=QUEUES_MAX)
            # Two nodes have two queues of one name, though nobody signs their spawns.
            nonce = encode_id(self._world.entropy(32))
            at_ms = self.clock.now_ms()
            fields = {"type": "Process", "variant": Variant.NATIVE.tag, "nonce": nonce}
            told = {**fields, "execution-device": DEVICE, "queue": queue}
            spawn = submit_unsigned(Message({**told, "at": at_ms}))
            fold = QueueFold(queue, self._world.tree.get)
            fold.begin(0, at_ms, at_ms)
            rows = ((name_path(queue), spawn.process), *fold.rows())
            await self._world.own.place(spawn._replace(rows=rows))
            self._processes[queue] = spawn.process
            self._own.add(spawn.process)
            self._made.tell(queue, value=True)


def _no_matter(status: WorkerStatus) -> None:
    """Do nothing about *status*: nobody wants to know."""


def _stopping() -> StoppingError:
    return StoppingError("the node is stopping; ask the next one")


def _unknown(what: object) -> None:
    """Return that nothing is known of *what*, a worker or a job: nobody keeps what workers say."""
