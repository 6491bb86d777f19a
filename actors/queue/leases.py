"""Until when each lease holds, by the node's monotonic clock; a worker that says so begins it anew.

In memory only. When a node starts, it gives each worker the length of a lease to be heard of. While
it has stood still (stopped, or held up by its machine) it has heard nobody, and that
counts for no worker's silence.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from seriatim.formats.limits import NODE_LATE_MS

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


_STALE_MAX: Final = 64


class Leases:
    """The leases of one queue."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, Job]] = {}
        self._heap: list[tuple[int, str]] = []
        self._workers: dict[str, dict[str, Job]] = {}
        # Ends are kept in the time in which workers could be heard: the monotonic clock without it.
        self._deaf_ms = 0

    def miss(self, deaf_ms: int) -> None:
        """Have all leases hold for *deaf_ms* longer, in which no worker could be heard."""
        self._deaf_ms += deaf_ms

    def begin(self, job: Job, monotonic_ms: int) -> None:
        """Begin the lease of *job*, which was granted."""
        self._workers.setdefault(job.worker, {})[job.id] = job
        end_ms = monotonic_ms - self._deaf_ms + job.lease_ms
        self._ends[job.id] = end_ms, job
        heapq.heappush(self._heap, (end_ms, job.id))
        if len(self._heap) > 2 * len(self._ends) + _STALE_MAX:
            self._heap = [(end_ms, job_id) for job_id, (end_ms, _) in self._ends.items()]
            heapq.heapify(self._heap)

    def renew(self, job: Job, monotonic_ms: int) -> None:
        """Have the lease of *job* begin anew."""
        # Its place in the heap stays: that is looked at when it comes up.
        self._ends[job.id] = monotonic_ms - self._deaf_ms + job.lease_ms, job

    def end(self, job: Job) -> None:
        """Forget the lease of *job*, which is over, however that came."""
        del self._ends[job.id]
        jobs = self._workers[job.worker]
        del jobs[job.id]
        if not jobs:
            del self._workers[job.worker]

    def of(self, worker: str) -> Collection[str]:
        """Return the jobs that *worker* has."""
        return list(self._workers.get(worker, ()))

    def over(self, monotonic_ms: int) -> Iterator[Job]:
        """Yield the jobs whose workers were silent for too long; whoever asks ends their leases."""
        heap, heard_ms = self._heap, monotonic_ms - self._deaf_ms
        while heap and heap[0][0] <= heard_ms:
            _, job_id = heapq.heappop(heap)
            end_ms, job = self._ends.get(job_id, (0, None))
            if job is None:
                continue
            if end_ms > heard_ms:
                heapq.heappush(heap, (end_ms, job_id))
            else:
                yield job

    def next_ms(self) -> int | None:
        """Return when to look at `over` again; ``None`` for never."""
        return self._heap[0][0] + self._deaf_ms if self._heap else None


def sooner_ms(wait_ms: int) -> int:
    """Return when to look where a lease is over in *wait_ms*: who looks late was deaf, and knows.

    Half of the time, and half of what is left: at its very end, there is nothing to be late by.
    """
    return wait_ms if wait_ms < 2 * NODE_LATE_MS else wait_ms // 2
