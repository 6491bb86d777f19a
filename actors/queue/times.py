"""When jobs are due, and when they have to be over: one heap, by the wall clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING

from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_CHANGED_MAX_BYTES, QUEUE_EVENTS_MAX

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Times:
    """The times of one queue's jobs."""

    def __init__(self) -> None:
        # By their ids: whatever has ended is not kept for a time that is far away.
        self._heap: list[tuple[int, int, str]] = []
        self._count = count()

    def add(self, at_ms: int, job: Job) -> None:
        """Have *job* looked at at *at_ms*: it is due then, or overdue."""
        heapq.heappush(self._heap, (at_ms, next(self._count), job.id))

    def next_ms(self) -> int | None:
        """Return the next time; ``None`` for none."""
        return self._heap[0][0] if self._heap else None

    def over(self, now_ms: int, live: Mapping[str, Job]) -> tuple[list[Job], list[Job]]:
        """Return which of the jobs that are *live* are due by *now_ms* (inclusive) or overdue.

        At most ``QUEUE_EVENTS_MAX`` of both, and no more than a slot may rewrite; the others are
        there the next time.
        """
        size_bytes = 0
        due: list[Job] = []
        overdue: list[Job] = []
        heap = self._heap
        while heap and heap[0][0] <= now_ms and size_bytes < QUEUE_CHANGED_MAX_BYTES:
            if len(due) + len(overdue) >= QUEUE_EVENTS_MAX:
                break
            at_ms, _, job_id = heapq.heappop(heap)
            job = live.get(job_id)
            if job is None:
                continue
            size_bytes += job.row_bytes
            if job.spec.get("deadline_ms") == at_ms:
                overdue.append(job)
            if job.state is JobState.SCHEDULED and job.due_ms == at_ms:
                due.append(job)
        return due, overdue
