"""When jobs are due, and when they have to be over: one heap, by the wall clock."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_EVENTS_MAX

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Times:
    """The times of one queue's jobs."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Job]] = []
        self._count = count()

    def add(self, at_ms: int, job: Job) -> None:
        """Have *job* looked at at *at_ms*: it is due then, or overdue."""
        heapq.heappush(self._heap, (at_ms, next(self._count), job))

    def next_ms(self) -> int | None:
        """Return the next time; ``None`` for none."""
        return self._heap[0][0] if self._heap else None

    def over(self, now_ms: int) -> tuple[list[Job], list[Job]]:
        """Return which jobs are due by *now_ms* (inclusive), and which are overdue.

        At most ``QUEUE_EVENTS_MAX`` of both; the others are there the next time.
        """
        due: list[Job] = []
        overdue: list[Job] = []
        heap = self._heap
        while heap and heap[0][0] <= now_ms and len(due) + len(overdue) < QUEUE_EVENTS_MAX:
            at_ms, _, job = heapq.heappop(heap)
            if job.state.is_ended:
                continue
            if job.spec.get("deadline_ms") == at_ms:
                overdue.append(job)
            if job.state is JobState.SCHEDULED and job.due_ms == at_ms:
                due.append(job)
        return due, overdue
