"""Which live jobs wait for which others, whose results they want, and what ends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from seriatim.formats.jobs.job_id import is_made_id
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

    def tell(self, job: str, parent: str) -> None:
        """Note that *job* waits for *parent* no longer."""
        children = self._children.get(parent, {})
        children.pop(job, None)
        if not children:
            self._children.pop(parent, None)

    def watch(self, job: Job) -> None:
        """Note what *job*, which is live, waits for, and whose results it wants."""
        for parent_id in job.waits or ():
            self._children.setdefault(parent_id, {})[job.id] = None
        for parent_id in job.spec.get("inputs", ()):
            change_count(self._wanted, parent_id, 1)

    def unwatch(self, job: Job) -> None:
        """Forget *job*, which has ended."""
        for parent_id in job.waits or ():
            self.tell(job.id, parent_id)
        for parent_id in job.spec.get("inputs", ()):
            change_count(self._wanted, parent_id, -1)


def waits_anew(job: Job, parents: Mapping[str, Job | None]) -> set[str] | None:
    """Return what *job* waits for, which somebody has begun once more.

    By hand: *parents* that have failed do not count any more. One that is still to be submitted
    does; one that is not there (``None``) and cannot be is forgotten.
    """
    waited = {each for each in job.waits or () if not is_made_id(each)}
    return {
        parent_id
        for parent_id, parent in parents.items()
        if (parent_id in waited if parent is None else not parent.state.is_ended)
    } or None


Verdict = tuple[JobState, str]
"""How a child ends by the end of a parent, and why."""


def verdict_of(parent: Job, otherwise: str) -> Verdict | None:
    """Return how a child ends by the end of *parent*, and why; ``None`` where it does not.

    Args:
        parent: has ended.
        otherwise: what is to become of the child where *parent* has not succeeded.
    """
    if parent.state is JobState.DONE or otherwise == Otherwise.RUN:
        return None
    state = JobState.FAILED if otherwise == Otherwise.FAIL else JobState.CANCELLED
    return state, f"job {parent.id}, for which it waited, is {parent.state}"
