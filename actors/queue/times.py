"""When jobs are due, and when they have to be over: two heaps, for there are two clocks.

What lasts (a delay, a backoff) goes by the queue's time; an instant that somebody has said (when a
job is due, a deadline) by the wall clock. See `QueueTime`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_CHANGED_MAX_BYTES, QUEUE_EVENTS_MAX

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


# A job has two times at most; so what is beyond that is of jobs that have ended, or had others.
_TIMES_PER_JOB: Final = 2
_STALE_MAX: Final = 64


class _Over(NamedTuple):
    """A job whose time has come, and for what."""

    job: Job
    is_due: bool
    is_overdue: bool


class _Heap:
    """Times by one clock."""

    def __init__(self, live: Mapping[str, Job], *, is_wall: bool) -> None:
        self._live = live
        self._is_wall = is_wall
        # By their ids: whatever has ended is not kept for a time that is far away.
        self._heap: list[tuple[int, int, str]] = []
        self._count = count()

    def __len__(self) -> int:
        """Return how many times it keeps."""
        return len(self._heap)

    def add(self, at_ms: int, job: Job) -> None:
        """Have *job* looked at at *at_ms*."""
        heapq.heappush(self._heap, (at_ms, next(self._count), job.id))
        if len(self._heap) > 2 * _TIMES_PER_JOB * len(self._live) + _STALE_MAX:
            # One that was added twice stays once.
            times = {(at_ms, job_id): number for at_ms, number, job_id in self._heap}
            self._heap = [
                (at_ms, number, job_id)
                for (at_ms, job_id), number in times.items()
                if (known := self._live.get(job_id)) is not None
                and (self._is_due(known, at_ms) or self._is_overdue(known, at_ms))
            ]
            heapq.heapify(self._heap)

    def next_ms(self) -> int | None:
        """Return the next time; ``None`` for none."""
        return self._heap[0][0] if self._heap else None

    def over(self, now_ms: int) -> Iterator[_Over]:
        """Yield, and forget, the times up to *now_ms* (inclusive) of live jobs."""
        heap = self._heap
        while heap and heap[0][0] <= now_ms:
            at_ms, _, job_id = heapq.heappop(heap)
            job = self._live.get(job_id)
            if job is not None:
                yield _Over(job, self._is_due(job, at_ms), self._is_overdue(job, at_ms))

    def _is_due(self, job: Job, at_ms: int) -> bool:
        is_own = job.state is JobState.SCHEDULED and job.is_due_by_wall is self._is_wall
        return is_own and job.due_ms == at_ms

    def _is_overdue(self, job: Job, at_ms: int) -> bool:
        return self._is_wall and job.spec.get("deadline_ms") == at_ms


class Times:
    """The times of one queue's jobs."""

    def __init__(self, live: Mapping[str, Job]) -> None:
        """Begin with none; *live* has the jobs that have not ended."""
        self._by_wall = _Heap(live, is_wall=True)
        self._by_queue = _Heap(live, is_wall=False)

    def __len__(self) -> int:
        """Return how many times it keeps."""
        return len(self._by_wall) + len(self._by_queue)

    def add_due(self, job: Job) -> None:
        """Have *job* looked at when it is due."""
        heap = self._by_wall if job.is_due_by_wall else self._by_queue
        heap.add(job.due_ms, job)

    def add_deadline(self, job: Job) -> None:
        """Have *job* looked at when its deadline is over, if it has one."""
        if "deadline_ms" in job.spec:
            self._by_wall.add(job.spec["deadline_ms"], job)

    def waits_ms(self, at_ms: int, wall_ms: int) -> list[int]:
        """Return how far the next times are away, where there are some.

        Args:
            at_ms: the queue's time.
            wall_ms: the wall clock.
        """
        times = (self._by_queue.next_ms(), at_ms), (self._by_wall.next_ms(), wall_ms)
        return [next_ms - now_ms for next_ms, now_ms in times if next_ms is not None]

    def over(self, at_ms: int, wall_ms: int) -> tuple[list[Job], list[Job]]:
        """Return which of the live jobs are due (inclusive) or overdue; each once.

        At most ``QUEUE_EVENTS_MAX`` of both, and no more than a slot may rewrite; the others are
        there the next time. Arguments as of `waits_ms`.
        """
        size_bytes = 0
        due: dict[Job, None] = {}
        overdue: dict[Job, None] = {}
        for heap, now_ms in ((self._by_wall, wall_ms), (self._by_queue, at_ms)):
            for job, is_due, is_overdue in heap.over(now_ms):
                size_bytes += job.row_bytes
                if is_overdue:
                    overdue[job] = None
                if is_due:
                    due[job] = None
                is_full = len(due) + len(overdue) >= QUEUE_EVENTS_MAX
                if is_full or size_bytes >= QUEUE_CHANGED_MAX_BYTES:
                    return list(due), list(overdue)
        return list(due), list(overdue)
