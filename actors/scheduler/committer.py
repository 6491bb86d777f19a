"""The committer: everything that waits for the disk, in one batch, in one transaction.

Batches are whatever arrived while the one before was being written: group commit without a
timer. A failed commit is in doubt, so everything that waits anywhere is un-assigned, the epoch
moves on, and every server reads the store again before it gives out another slot.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from seriatim.actors.scheduler.mail import Durable, Undone
from seriatim.actors.scheduler.writer import Copied, TreeValues
from seriatim.formats.errors import (
    ActorDeadError,
    LimitExceededError,
    OverloadedError,
    SchedulerError,
    UnavailableError,
)
from seriatim.formats.limits import BODY_MAX_BYTES, PROMISES_MAX, RETRY_AFTER_MS
from seriatim.formats.schedule.assignment import Draft, Rows
from seriatim.store.log import Uploaded

if TYPE_CHECKING:
    from seriatim.actors.runtime.actor import LightRef
    from seriatim.actors.runtime.batcher import Batcher
    from seriatim.actors.runtime.future import Future
    from seriatim.actors.scheduler.writer import Job, Sealed
    from seriatim.store.log import Rendition

# What a draft costs beside its message: ids, numbers, frames.
_OWN_BYTES: Final = 256


def job_bytes(job: Job) -> int:
    """Return the bytes of *job*, about: what the bounds of the commit queue count."""
    if isinstance(job, Uploaded):
        return _OWN_BYTES
    if isinstance(job, Copied):
        return sum(len(record) + _OWN_BYTES for record in job.records)
    if isinstance(job, TreeValues):
        return _rows_bytes(job.rows)
    if isinstance(job, Draft):
        return len(job.message) + _OWN_BYTES + _rows_bytes(job.rows)
    return len(job.signed) + _OWN_BYTES


def _rows_bytes(rows: Rows) -> int:
    return sum(len(value or b"") + _OWN_BYTES for _, value in rows)


class Committer:
    """Hands drafts to the writer and its answers back to the servers.

    Attributes:
        epoch: counts failed commits; what a server knows of its log holds within one epoch.
    """

    def __init__(
        self,
        batcher: Batcher[Job, Sealed],
        *,
        on_durable: Callable[[bytes, int], None],
        on_failure: Callable[[SchedulerError], None],
    ) -> None:
        """Write through *batcher*, which fails everything that waits when a batch fails.

        Args:
            batcher: to the writer's thread or child process.
            on_durable: told of each process and slot that is on disk, after its server.
            on_failure: told once per failed commit, after the epoch has moved on.
        """
        self._batcher = batcher
        self._on_durable = on_durable
        self._on_failure = on_failure
        self.epoch = 0

    @property
    def waiting(self) -> int:
        """Drafts, and other jobs, that wait for a batch."""
        return self._batcher.waiting

    def check_room(self, message_bytes: int, rows: Rows = ()) -> None:
        """Return when one more draft, of a message of *message_bytes* with *rows*, may come.

        Raises:
            LimitExceededError: the message is over ``BODY_MAX_BYTES``, or all of it is more than a
                transaction may be.
            OverloadedError: the queue is full.
            StoppingError: the node is stopping.
        """
        if message_bytes > BODY_MAX_BYTES:
            raise LimitExceededError("message", given=message_bytes, maximum=BODY_MAX_BYTES)
        self._batcher.check_room(message_bytes + _OWN_BYTES + _rows_bytes(rows))

    def check_promise(self) -> None:
        """Return when one more slot may be promised before it is on disk.

        A stop keeps every promise, and has a deadline.

        Raises:
            OverloadedError: ``PROMISES_MAX`` jobs wait for a batch, slots or others.
        """
        if self.waiting >= PROMISES_MAX:
            raise OverloadedError("the queue of promised slots", retry_after_ms=RETRY_AFTER_MS)

    def append(self, draft: Draft, server: LightRef[Any]) -> None:
        """Make *draft* durable, then tell *server*. Call `check_room` first."""
        epoch = self.epoch

        def settle(answer: Future[Sealed]) -> None:
            error = answer.error()
            if error is None:
                mail: Durable | Undone = Durable(draft, answer.get(), epoch)
            else:
                mail = Undone(self._failed(error, epoch), epoch)
            # A server that is gone has answered its callers; what is on disk stays there.
            with suppress(ActorDeadError, OverloadedError):
                server.tell(mail)
            if error is None:
                self._on_durable(draft.process, draft.slot)

        self._batcher.submit(draft).add_done_callback(settle)

    def store(self, job: Rendition | TreeValues | Uploaded | Copied) -> Future[Sealed]:
        """Make *job* durable; the answer is what is stored at its place.

        Raises:
            OverloadedError: the queue is full.
            StoppingError: the node is stopping.
        """
        return self._batcher.submit(job)

    async def close(self) -> None:
        """Write what waits, then end the writer."""
        await self._batcher.close()

    def _failed(self, error: BaseException, epoch: int) -> SchedulerError:
        """Move the epoch on, once per failed commit; return what the callers get to hear.

        Everything that waits fails with the batch, so all drafts of an *epoch* end together.
        """
        if epoch == self.epoch:
            self.epoch += 1
            self._on_failure(
                error if isinstance(error, SchedulerError) else UnavailableError(str(error))
            )
        if isinstance(error, SchedulerError) and error.retryable:
            return error
        return UnavailableError("the commit failed; send the same again")
