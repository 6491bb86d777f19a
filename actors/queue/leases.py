"""Until when each lease holds, by the node's monotonic clock; a worker that says so begins it anew.

In memory only. When a node starts, it gives each worker the length of a lease to be heard of.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


_STALE_MAX: Final = 64


class Leases:
    """The leases of one queue."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, Job]] = {}
        self._heap: list[tuple[int, str]] = []
        self._workers: dict[str, dict[str, Job]] = {}

    def begin(self, job: Job, monotonic_ms: int) -> None:
        """Begin the lease of *job*, which was granted."""
        self._workers.setdefault(job.worker, {})[job.id] = job
        end_ms = monotonic_ms + job.lease_ms
        self._ends[job.id] = end_ms, job
        heapq.heappush(self._heap, (end_ms, job.id))
        if len(self._heap) > 2 * len(self._ends) + _STALE_MAX:
            self._heap = [(end_ms, job_id) for job_id, (end_ms, _) in self._ends.items()]
            heapq.heapify(self._heap)

    def renew(self, job: Job, monotonic_ms: int) -> None:
        """Have the lease of *job* begin anew."""
        # Its place in the heap stays: that is looked at when it comes up.
        self._ends[job.id] = monotonic_ms + job.lease_ms, job

    def end(self, job: Job) -> None:
        """Forget the lease of *job*, which has ended."""
        self._ends.pop(job.id, None)
        jobs = self._workers.get(job.worker)
        if jobs is not None:
            jobs.pop(job.id, None)

    def of(self, worker: str) -> Collection[str]:
        """Return the jobs that *worker* has."""
        jobs = self._workers.get(worker)
        if jobs is None:
            return ()
        for job_id, job in list(jobs.items()):
            if job.state is not JobState.LEASED or job.worker != worker:
                del jobs[job_id]
        if not jobs:
            del self._workers[worker]
        return list(jobs)

    def over(self, monotonic_ms: int) -> Iterator[Job]:
        """Yield the jobs whose leases are over; each one once."""
        heap = self._heap
        while heap and heap[0][0] <= monotonic_ms:
            _, job_id = heapq.heappop(heap)
            end_ms, job = self._ends.get(job_id, (0, None))
            if job is None:
                continue
            if job.state is not JobState.LEASED:
                del self._ends[job_id]
            elif end_ms > monotonic_ms:
                heapq.heappush(heap, (end_ms, job_id))
            else:
                del self._ends[job_id]
                yield job

    def next_ms(self) -> int | None:
        """Return when to look at `over` again; ``None`` for never."""
        return self._heap[0][0] if self._heap else None
