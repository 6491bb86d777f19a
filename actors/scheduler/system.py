"""The scheduler's actors, composed: registry, servers and committer over one log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.arrivals import Arrivals
from seriatim.actors.scheduler.committer import Committer
from seriatim.actors.scheduler.registry import Registry, check_known
from seriatim.actors.scheduler.server import World
from seriatim.actors.scheduler.writer import Copied
from seriatim.formats.errors import ActorDeadError, OverloadedError, SchedulerError, StoreError
from seriatim.formats.limits import ASK_DEADLINE_MS
from seriatim.formats.schedule.assignment import Block

if TYPE_CHECKING:
    from seriatim.actors.runtime.batcher import Batcher
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.runtime.dispatcher import Dispatcher
    from seriatim.actors.scheduler.mail import Submit
    from seriatim.actors.scheduler.writer import Job, Sealed, TreeValues
    from seriatim.formats.schedule.submission import Submission
    from seriatim.formats.signing.wallet import Wallet
    from seriatim.store.log import Log, Rendition, Uploaded


class Scheduler:
    """The one way to a slot.

    Attributes:
        arrivals: who waits for a slot that is not there yet.
        block: the newest known block, put into every assignment.
        on_commit: called after each message that has become durable.
        failed: fails when the log can be written no more, and the node has to end.
    """

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        log: Log,
        writer: Batcher[Job, Sealed],
        wallet: Wallet | None,
    ) -> None:
        """Run on *dispatcher*, reading *log* and writing it through *writer*.

        *wallet* is what the writer signs with.
        """
        self.block = Block()
        self.failed: Future[None] = Future()
        self._log = log
        self._dispatcher = dispatcher
        self._copying: Counter[bytes] = Counter()
        self.arrivals = Arrivals(dispatcher.clock)
        self.on_commit: Callable[[], object] | None = None
        self._committer = Committer(
            writer, on_durable=self._announce, on_failure=self._commit_failed
        )
        world = World(
            log=log,
            committer=self._committer,
            block=lambda: self.block,
            wallet=wallet,
        )
        self._registry = Registry.start(dispatcher, world)
        self._live = world.live

    @property
    def clock(self) -> Clock:
        """The clock that timestamps come from."""
        return self._dispatcher.clock

    @property
    def live(self) -> list[bytes]:
        """The processes that have a server now."""
        return list(self._live)

    def is_live(self, process: bytes) -> bool:
        """Tell whether *process* has a server now: slots of it may be on their way to the disk."""
        return process in self._live

    def is_copying(self, process: bytes) -> bool:
        """Tell whether records of *process*, a copy, are on their way to the disk."""
        return process in self._copying

    @property
    def waiting(self) -> int:
        """Messages, and whatever else is to be written, that wait for the disk."""
        return self._committer.waiting

    def check_known(self, submission: Submission) -> None:
        """Return when *submission* has a process to go to; see `registry.check_known`."""
        if not self.is_live(submission.process):
            check_known(self._log, submission)

    def submit(self, mail: Submit) -> None:
        """Take *mail*; its reply is settled in any case, by the deadline at the latest."""
        try:
            self._registry.tell(mail)
        except (ActorDeadError, OverloadedError) as error:
            mail.fail(error)
        else:
            self.watch(mail.reply, "the scheduler")

    def store(self, job: Rendition | TreeValues | Uploaded | Copied) -> Future[Sealed]:
        """Make *job* durable, by the deadline; see `Committer.store`."""
        storing = self._committer.store(job)
        answer: Future[Sealed] = Future()
        storing.add_done_callback(answer.follow)
        if isinstance(job, Copied):
            # Not with the answer: the writer may come to it after the deadline.
            self._copying[job.process] += 1
            storing.add_done_callback(partial(self._copied, job))
        self.watch(answer, "the writer")
        return answer

    def watch(self, future: Future[Any], what: str) -> None:
        """Fail *future* with `DeadlineExceededError` unless it is done by the deadline of asks."""
        self._dispatcher.watch(future, what, ASK_DEADLINE_MS)

    async def close(self) -> None:
        """Let the registry and the servers handle their mail, write what waits, and end."""
        await self._registry.stop()
        await self._committer.close()
        self._dispatcher.close()

    def _announce(self, process: bytes, slot: int) -> None:
        self.arrivals.announce(process, slot)
        if self.on_commit is not None:
            self.on_commit()

    def _copied(self, job: Copied, storing: Future[Sealed]) -> None:
        self._copying -= Counter([job.process])
        if storing.error() is None and storing.get().hash_chain:
            for slot in range(job.first, job.first + len(job.records)):
                self.arrivals.announce(job.process, slot)

    def _commit_failed(self, error: SchedulerError) -> None:
        if not isinstance(error, StoreError):
            return
        try:
            self._log.processes(limit=1)
        except StoreError as second:
            # The environment is poisoned: reads fail too. Crash-only: the next start reads
            # from disk what really happened.
            self.failed.fail(second)
