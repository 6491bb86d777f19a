"""What waiting workers are to be told; a worker that goes on hears it with its next report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Stops:
    """The jobs that workers of one queue are to stop, and were not told of yet."""

    def __init__(self) -> None:
        self._workers: dict[str, dict[str, str]] = {}

    def add(self, job: Job, reason: str) -> None:
        """Have the worker of *job* told to stop it."""
        self._workers.setdefault(job.worker, {})[job.id] = reason

    def take(self, worker: str, live: Mapping[str, Job]) -> dict[str, str]:
        """Return what *worker* has and is to be told of, and why.

        Args:
            worker: its name.
            live: the jobs that have not ended. One that has, or that *worker* has anew, is no
                longer meant.
        """
        stops = self._workers.pop(worker, {})
        jobs = {job_id: live.get(job_id) for job_id in stops}
        return {
            job_id: stops[job_id]
            for job_id, job in jobs.items()
            if job is not None and job.cancelling and job.worker == worker
        }
