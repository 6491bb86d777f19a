"""When jobs are due, and when they have to be over: one heap, by the wall clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_CHANGED_MAX_BYTES, QUEUE_EVENTS_MAX

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


# A job has two times at most; so what is beyond that is of jobs that have ended, or had others.
_TIMES_PER_JOB: Final = 2
_STALE_MAX: Final = 64


class Times:
    """The times of one queue's jobs."""

    def __init__(self, live: Mapping[str, Job]) -> None:
        """Begin with none; *live* has the jobs that have not ended."""
        self._live = live
        # By their ids: whatever has ended is not kept for a time that is far away.
        self._heap: list[tuple[int, int, str]] = []
        self._count = count()

    def add(self, at_ms: int, job: Job) -> None:
        """Have *job* looked at at *at_ms*: it is due then, or overdue."""
        heapq.heappush(self._heap, (at_ms, next(self._count), job.id))
        if len(self._heap) > 2 * _TIMES_PER_JOB * len(self._live) + _STALE_MAX:
            # One that was added twice stays once.
            times = {(at_ms, job_id): number for at_ms, number, job_id in self._heap}
            self._heap = [
                (at_ms, number, job_id)
                for (at_ms, job_id), number in times.items()
                if (known := self._live.get(job_id)) is not None
                and (_is_due(known, at_ms) or _is_overdue(known, at_ms))
            ]
            heapq.heapify(self._heap)

    def next_ms(self) -> int | None:
        """Return the next time; ``None`` for none."""
        return self._heap[0][0] if self._heap else None

    def over(self, now_ms: int) -> tuple[list[Job], list[Job]]:
        """Return which of the live jobs are due by *now_ms* (inclusive) or overdue; each once.

        At most ``QUEUE_EVENTS_MAX`` of both, and no more than a slot may rewrite; the others are
        there the next time.
        """
        size_bytes = 0
        due: dict[Job, None] = {}
        overdue: dict[Job, None] = {}
        heap = self._heap
        while heap and heap[0][0] <= now_ms and size_bytes < QUEUE_CHANGED_MAX_BYTES:
            if len(due) + len(overdue) >= QUEUE_EVENTS_MAX:
                break
            at_ms, _, job_id = heapq.heappop(heap)
            job = self._live.get(job_id)
            if job is None:
                continue
            size_bytes += job.row_bytes
            if _is_overdue(job, at_ms):
                overdue[job] = None
            if _is_due(job, at_ms):
                due[job] = None
        return list(due), list(overdue)


def _is_due(job: Job, at_ms: int) -> bool:
    return job.state is JobState.SCHEDULED and job.due_ms == at_ms


def _is_overdue(job: Job, at_ms: int) -> bool:
    overdue: bool = job.spec.get("deadline_ms") == at_ms
    return overdue
