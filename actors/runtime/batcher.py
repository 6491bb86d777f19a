"""Gathers single jobs into batches for an `Offload`.

No timers: a batch is whatever came while the one before was on its way, so a quiet node answers
at once and a busy one shares the cost of a commit among hundreds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import LimitExceededError, OverloadedError, StoppingError
from seriatim.formats.limits import RETRY_AFTER_MS

if TYPE_CHECKING:
    from seriatim.actors.runtime.offload import Offload

Job = TypeVar("Job")
Result = TypeVar("Result")


class BatchBounds(NamedTuple):
    """How much may wait and how much may go at once; all inclusive.

    Attributes:
        queue_max: jobs that wait, not counting those on their way.
        queue_max_bytes: their bytes.
        batch_max: jobs in one batch.
        batch_max_bytes: their bytes; also the most that a single job may have.
        in_flight_max: batches on their way at the same time.
    """

    queue_max: int
    queue_max_bytes: int
    batch_max: int
    batch_max_bytes: int
    in_flight_max: int = 1


class _Entry(NamedTuple, Generic[Job, Result]):
    job: Job
    size_bytes: int
    answer: Future[Result]


class Batcher(Generic[Job, Result]):
    """One bounded queue in front of one offload. Belongs to the event loop's thread."""

    def __init__(
        self,
        offload: Offload[Job, Result],
        *,
        name: str,
        bounds: BatchBounds,
        size: Callable[[Job], int],
        call_soon: Callable[[Callable[[], None]], object],
        fails_together: bool = False,
    ) -> None:
        """Gather for *offload*.

        Args:
            offload: handles the batches; closed by `close`.
            name: of the queue, for errors.
            bounds: what may wait and what may go at once.
            size: bytes of a job, about; what the byte bounds count.
            call_soon: runs a callback after the current one; the loop's ``call_soon``.
            fails_together: jobs build on the ones before them, so a failed batch fails
                everything that waits. Nobody hears of it before the batches that are on their
                way have come back, and nothing more goes out before everybody has heard of it:
                whoever looks at the outcome then sees the whole of it.
        """
        self._offload = offload
        self._name = name
        self._bounds = bounds
        self._size = size
        self._call_soon = call_soon
        self._fails_together = fails_together
        self._queue: deque[_Entry[Job, Result]] = deque()
        self._queue_bytes = 0
        self._in_flight = 0
        self._failed: list[tuple[list[_Entry[Job, Result]], BaseException]] = []
        self._is_flush_due = False
        self._is_flushing = False
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """Jobs that wait for a batch."""
        return len(self._queue)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the jobs that wait for a batch."""
        return self._queue_bytes

    @property
    def in_flight(self) -> int:
        """Batches on their way."""
        return self._in_flight

    def check_room(self, size_bytes: int) -> None:
        """Return when one more job of *size_bytes* is taken.

        Raises:
            StoppingError: `close` was called.
            LimitExceededError: the job alone is larger than a batch may be.
            OverloadedError: the queue is full.
        """
        bounds = self._bounds
        if self._is_closed:
            raise StoppingError(f"{self._name} is stopping")
        if size_bytes > bounds.batch_max_bytes:
            raise LimitExceededError(
                f"a job of {self._name}", given=size_bytes, maximum=bounds.batch_max_bytes
            )
        if (
            len(self._queue) >= bounds.queue_max
            or self._queue_bytes + size_bytes > bounds.queue_max_bytes
        ):
            raise OverloadedError(self._name, retry_after_ms=RETRY_AFTER_MS)

    def submit(self, job: Job) -> Future[Result]:
        """Queue *job* and return the future of its result.

        Jobs go out in the order of their submission. What is submitted in one turn of the loop
        goes together. When a batch fails, all its jobs fail with the batch's error.

        Raises:
            StoppingError, LimitExceededError, OverloadedError: see `check_room`.
        """
        size_bytes = self._size(job)
        self.check_room(size_bytes)
        answer: Future[Result] = Future()
        self._queue.append(_Entry(job, size_bytes, answer))
        self._queue_bytes += size_bytes
        if not self._is_flush_due and self._may_send():
            self._is_flush_due = True
            self._call_soon(self._flush)
        return answer

    async def close(self) -> None:
        """Take no more jobs, hand over all that wait, and close the offload, which answers them.

        How long that may take is the offload's to bound.
        """
        self._is_closed = True
        while self._queue and not self._failed:
            self._send(self._take_batch())
        await self._offload.close()

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._is_flushing:
            # An offload that answers inside call() came back here: the loop below goes on.
            return
        self._is_flushing = True
        try:
            while self._queue and self._may_send():
                self._send(self._take_batch())
        finally:
            self._is_flushing = False

    def _may_send(self) -> bool:
        return self._in_flight < self._bounds.in_flight_max and not self._failed

    def _take_batch(self) -> list[_Entry[Job, Result]]:
        """Take as many of the oldest jobs as the bounds allow: at least one."""
        bounds, queue = self._bounds, self._queue
        batch: list[_Entry[Job, Result]] = []
        batch_bytes = 0
        while queue and len(batch) < bounds.batch_max:
            if batch_bytes + queue[0].size_bytes > bounds.batch_max_bytes:
                break
            entry = queue.popleft()
            batch_bytes += entry.size_bytes
            batch.append(entry)
        self._queue_bytes -= batch_bytes
        return batch

    def _send(self, batch: list[_Entry[Job, Result]]) -> None:
        self._in_flight += 1

        def release(answer: Future[Sequence[Result]]) -> None:
            self._in_flight -= 1
            error = answer.error()
            if error is None:
                error = _mismatch(batch, answer.get())
            if error is not None and self._fails_together:
                self._failed.append((batch, error))
            # The next batch is on its way before anybody reacts to this one.
            self._flush()
            if error is None:
                for entry, result in zip(batch, answer.get(), strict=True):
                    entry.answer.resolve(result)
            elif not self._fails_together:
                _fail_all(batch, error)
            if self._failed and not self._in_flight:
                self._fail_together()

        self._offload.call([entry.job for entry in batch]).add_done_callback(release)

    def _fail_together(self) -> None:
        """Fail what has failed, and what waits, with the first error: the others follow from it."""
        error = self._failed[0][1]
        doomed = [entry for batch, _ in self._failed for entry in batch]
        doomed.extend(self._queue)
        self._failed.clear()
        self._queue.clear()
        self._queue_bytes = 0
        _fail_all(doomed, error)


def _mismatch(batch: Sequence[object], results: Sequence[object]) -> BaseException | None:
    if len(results) == len(batch):
        return None
    return RuntimeError(f"{len(results)} results came back for {len(batch)} jobs")


def _fail_all(batch: Sequence[_Entry[Job, Result]], error: BaseException) -> None:
    for entry in batch:
        entry.answer.fail(error)
