"""Which live jobs wait for which others, whose results they want, and what ends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seriatim.formats.jobs.numbers import change_count
from seriatim.formats.jobs.spec import Otherwise
from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Kin:
    """Parents and children among the jobs of one queue."""

    def __init__(self) -> None:
        self._children: dict[str, dict[str, None]] = {}
        self._wanted: dict[str, int] = {}

    def children(self, job: str) -> Iterable[str]:
        """Return the jobs that wait for *job*."""
        return self._children.get(job, ())

    def is_wanted(self, job: str) -> bool:
        """Tell whether a live job wants the result of *job*."""
        return job in self._wanted

    def take_children(self, job: str) -> Iterable[str]:
        """Return the jobs that have waited for *job*, which has ended."""
        return self._children.pop(job, ())

    def watch(self, job: Job) -> None:
        """Note what *job*, which is live, waits for, and whose results it wants."""
        for parent_id in job.waits or ():
            self._children.setdefault(parent_id, {})[job.id] = None
        for parent_id in job.spec.get("inputs", ()):
            change_count(self._wanted, parent_id, 1)

    def unwatch(self, job: Job) -> None:
        """Forget *job*, which has ended."""
        for parent_id in job.waits or ():
            children = self._children.get(parent_id, {})
            children.pop(job.id, None)
            if not children:
                self._children.pop(parent_id, None)
        for parent_id in job.spec.get("inputs", ()):
            change_count(self._wanted, parent_id, -1)


def verdict_of(parent: Job, otherwise: str) -> tuple[JobState, str] | None:
    """Return how a child ends by the end of *parent*, and why; ``None`` where it does not.

    Args:
        parent: has ended.
        otherwise: what is to become of the child where *parent* has not succeeded.
    """
    if parent.state is JobState.DONE or otherwise == Otherwise.RUN:
        return None
    state = JobState.FAILED if otherwise == Otherwise.FAIL else JobState.CANCELLED
    return state, f"job {parent.id}, for which it waited, is {parent.state}"
