"""Where a job is, and what may happen to it there: the table that everything else obeys.

::

               submit
                 │
     ┌───────────┼──────────────┐
     ▼           ▼              ▼
  BLOCKED ─► SCHEDULED ─► ┌─► PENDING ◄──────── release, expire ─┐
     │           │   due  │     │                                │
     │           ▲        │     └───────── grant ──────────► LEASED
     │           └────────┼──────────── again (a retry) ─────────┤
     │   cancel, overdue, │                                      │
     │   refuse           │                                      │
     ▼                    │                                      ▼
  FAILED, CANCELLED ◄─────┴──────── DONE, FAILED, CANCELLED, DEAD (k crashes)
     └────────────── retry ─► BLOCKED, SCHEDULED, PENDING

`MOVES` is the same as a table; `check_move` is asked before every change of a state.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    """Where a job is."""

    BLOCKED = "blocked"
    """It waits for other jobs."""
    PENDING = "pending"
    """It waits for a worker."""
    SCHEDULED = "scheduled"
    """It waits for a time."""
    LEASED = "leased"
    """A worker has it."""
    DONE = "done"
    FAILED = "failed"
    """It was tried as often as it may be, or cannot succeed."""
    DEAD = "dead"
    """Its workers were lost as often as they may be: somebody has to look at it."""
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether a job stays there until somebody wants it otherwise."""
        return self in ENDED


LIVE: Final = (JobState.BLOCKED, JobState.PENDING, JobState.SCHEDULED, JobState.LEASED)
ENDED: Final = (JobState.DONE, JobState.FAILED, JobState.DEAD, JobState.CANCELLED)


class Step(StrEnum):
    """What happens to a job; a slot of its queue says it, or it follows from one."""

    SUBMIT = "submit"
    UNBLOCK = "unblock"
    """The last of the jobs that it waits for has ended."""
    PARENT = "parent"
    """One of those has not succeeded, and it is not to run then."""
    DUE = "due"
    GRANT = "grant"
    REFUSE = "refuse"
    """No worker could take it: it passes a bound that could not be looked at before."""
    DONE = "done"
    FAIL = "fail"
    AGAIN = "again"
    """It has failed, and is tried once more."""
    EXPIRE = "expire"
    """Its worker was not heard of for the length of a lease."""
    RELEASE = "release"
    """Its worker gives it back, untouched."""
    CANCEL = "cancel"
    OVERDUE = "overdue"
    RETRY = "retry"


_BLOCKED, _PENDING, _SCHEDULED, _LEASED = LIVE
_DONE, _FAILED, _DEAD, _CANCELLED = ENDED
WAITING: Final = frozenset({_BLOCKED, _PENDING, _SCHEDULED})
"""Where no worker has a job."""

MOVES: Final[dict[Step, tuple[frozenset[JobState], frozenset[JobState]]]] = {
    Step.SUBMIT: (frozenset(), frozenset({*WAITING, _FAILED, _CANCELLED})),
    Step.UNBLOCK: (frozenset({_BLOCKED}), frozenset({_PENDING, _SCHEDULED})),
    Step.PARENT: (frozenset({_BLOCKED}), frozenset({_FAILED, _CANCELLED})),
    Step.DUE: (frozenset({_SCHEDULED}), frozenset({_PENDING})),
    Step.GRANT: (frozenset({_PENDING}), frozenset({_LEASED})),
    Step.REFUSE: (frozenset({_PENDING}), frozenset({_FAILED})),
    Step.DONE: (frozenset({_LEASED}), frozenset({_DONE})),
    Step.FAIL: (frozenset({_LEASED}), frozenset({_FAILED})),
    Step.AGAIN: (frozenset({_LEASED}), frozenset({_SCHEDULED, _PENDING})),
    Step.EXPIRE: (
        frozenset({_LEASED}),
        frozenset({_SCHEDULED, _PENDING, _DEAD, _CANCELLED, _FAILED}),
    ),
    Step.RELEASE: (frozenset({_LEASED}), frozenset({_PENDING, _CANCELLED, _FAILED})),
    Step.CANCEL: (frozenset({*WAITING, _LEASED}), frozenset({_CANCELLED})),
    Step.OVERDUE: (frozenset({*WAITING, _LEASED}), frozenset({_FAILED})),
    Step.RETRY: (frozenset({_FAILED, _DEAD, _CANCELLED}), WAITING),
}
"""From which states each step leads to which."""


class IllegalMoveError(Exception):
    """A change of state that the table does not have: a fault of ours, and no bad input."""


def check_move(step: Step, before: JobState | None, after: JobState) -> None:
    """Return when *step* may lead from *before* (``None``: no job yet) to *after*.

    Raises:
        IllegalMoveError: it may not.
    """
    sources, targets = MOVES[step]
    is_known = before is None if step is Step.SUBMIT else before in sources
    if not is_known or after not in targets:
        raise IllegalMoveError(f"{step} leads from {before} to {after}, which it must not")
