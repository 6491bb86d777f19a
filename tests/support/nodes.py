"""The scheduler's real actors, moved by hand: one step, one commit, one fault at a time.

Registry, servers, committer, batcher and writer are the product's own. What stands in for the
world is the clock, the dispatcher, the loop's ``call_soon`` and the moment at which a batch that
was handed over is written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from random import Random

from pykka.messages import _ActorStop

from seriatim.actors.launch import COMMIT_BOUNDS
from seriatim.actors.runtime.batcher import Batcher
from seriatim.actors.runtime.clock import ManualClock
from seriatim.actors.runtime.dispatcher import ManualDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.committer import job_bytes
from seriatim.actors.scheduler.mail import Submit
from seriatim.actors.scheduler.server import Server
from seriatim.actors.scheduler.system import Scheduler
from seriatim.actors.scheduler.writer import Job, Sealed, Writer
from seriatim.formats.errors import SlotConflictError, StoppingError
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.formats.wire.receipt import Receipt
from seriatim.store.log import Log
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.faulty_log import Fault, FaultyLog

START_MS = 1_700_000_000_000


class HeldWriter:
    """An `Offload` that keeps each batch until it is told what becomes of it."""

    def __init__(self, writer: Writer, log: FaultyLog) -> None:
        """Write with *writer*, whose log is *log*."""
        self._writer = writer
        self._log = log
        self._held: deque[tuple[list[Job], Future[Sequence[Sealed]]]] = deque()
        self._is_closed = False
        self._has_failed = False
        self.conflicts = 0

    @property
    def held(self) -> int:
        """Batches that wait."""
        return len(self._held)

    @property
    def in_doubt(self) -> bool:
        """Whether a batch has failed and others, which may build on it, still wait."""
        return self._has_failed and bool(self._held)

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Sealed]]:
        """See `Offload.call`."""
        answer: Future[Sequence[Sealed]] = Future()
        if self._is_closed:
            answer.fail(StoppingError("the writer is stopping"))
        else:
            self._held.append((list(jobs), answer))
        return answer

    async def close(self) -> None:
        """See `Offload.close`."""
        self._is_closed = True

    def release(self, fault: Fault | None = None) -> None:
        """Write the oldest batch that waits, with *fault*, and answer."""
        drafts, answer = self._held.popleft()
        if fault is not None:
            self._log.fail_next(fault)
        try:
            seals = self._writer.write(drafts)
        except Exception as error:  # noqa: BLE001  # what a thread would answer
            # What builds on a batch that has failed has to fail; nothing else may.
            self.conflicts += isinstance(error, SlotConflictError) and not self._has_failed
            self._fail(answer, error)
        else:
            self._has_failed = self.in_doubt
            answer.resolve(seals)

    def refuse(self, error: Exception) -> None:
        """Answer the oldest batch that waits with *error*; nothing is written."""
        self._fail(self._held.popleft()[1], error)

    def _fail(self, answer: Future[Sequence[Sealed]], error: Exception) -> None:
        self._has_failed = bool(self._held)
        answer.fail(error)

    def crash(self, *, is_written: bool) -> None:
        """End without an answer; the oldest batch is on disk if *is_written*."""
        # A batch that builds on one that has failed is refused, whoever hears of it.
        if self._held and is_written:
            with suppress(SlotConflictError) if self._has_failed else nullcontext():
                self._writer.write(self._held[0][0])
        self._held.clear()


class SteppedScheduler:
    """One life of the scheduler over a log that outlives it.

    Attributes:
        dispatcher: chooses by the given randomness which actor goes next.
        writer: holds the batches.
        scheduler: the product's own.
    """

    def __init__(
        self,
        log: Log,
        *,
        clock: ManualClock,
        random: Random,
        wallet: Wallet | None,
    ) -> None:
        """Start actors over *log*."""
        self.log = FaultyLog(log)
        self.clock = clock
        self.dispatcher = ManualDispatcher(clock, random)
        self.writer = HeldWriter(
            Writer(self.log, wallet, random.randbytes, tree=MemoryTree()), self.log
        )
        self._soon: deque[Callable[[], None]] = deque()
        self.scheduler = Scheduler(
            dispatcher=self.dispatcher,
            log=self.log,
            writer=Batcher(
                self.writer,
                name="the commit queue",
                bounds=COMMIT_BOUNDS,
                size=job_bytes,
                call_soon=self._soon.append,
                fails_together=True,
            ),
            wallet=wallet,
        )

    def submit(
        self,
        submission: Submission,
        *,
        variant: Variant = Variant.NATIVE,
        is_early: bool = False,
    ) -> Future[Receipt]:
        """Hand *submission* in; nothing moves yet."""
        reply: Future[Receipt] = Future()
        self.scheduler.submit(Submit(submission, variant, reply, is_early=is_early))
        return reply

    def turn(self) -> bool:
        """Run the callbacks of the loop that are due and one mail; return whether there was any."""
        due = bool(self._soon)
        for _ in range(len(self._soon)):
            self._soon.popleft()()
        return self.dispatcher.step() or due

    def run_until_blocked(self) -> None:
        """Go on until only a held batch, or time, can change anything."""
        while self.turn():
            pass

    def settle(self) -> None:
        """Write everything that waits, until nothing moves any more."""
        self.run_until_blocked()
        while self.writer.held:
            self.writer.release()
            self.run_until_blocked()

    def ask(self, submission: Submission, *, variant: Variant = Variant.NATIVE) -> Receipt:
        """Hand *submission* in, let everything happen, and return the receipt or raise."""
        reply = self.submit(submission, variant=variant)
        self.settle()
        return reply.get(timeout=0)

    def servers(self) -> list[bytes]:
        """Return the process of every server that may give out slots, one entry per server.

        One that has its order to stop gives out none: it was let go because it held nothing.
        """
        servers = [each for each in self.dispatcher._actors if isinstance(each, Server)]
        leaving = [each for each in servers if _is_leaving(each)]
        assert not any(each._waiters for each in leaving), "it was let go with work to do"
        return [each.process for each in servers if each not in leaving]

    def kill(self, *, is_written: bool) -> None:
        """End as an OS process does that is killed; see `HeldWriter.crash`."""
        self.writer.crash(is_written=is_written)
        self._soon.clear()
        self.dispatcher.close()


def _is_leaving(server: Server) -> bool:
    waiting = server.actor_inbox._mail or ()
    return any(type(envelope.message) is _ActorStop for envelope in waiting)
