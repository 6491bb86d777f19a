"""What waiting workers are to be told; a worker that goes on hears it with its next report."""

from __future__ import annotations

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

    def drop(self, job: Job) -> None:
        """Forget *job*, whose worker has it no more."""
        jobs = self._workers.get(job.worker, {})
        if jobs.pop(job.id, None) is not None and not jobs:
            del self._workers[job.worker]

    def take(self, worker: str) -> dict[str, str]:
        """Return what *worker* has and is to be told of, and why."""
        return self._workers.pop(worker, {})
