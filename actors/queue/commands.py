"""What may be asked of a queue, and what it answers: plain values, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from seriatim.formats.jobs.job import Spec
from seriatim.formats.jobs.spec import Asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.jobs.status import WorkerStatus

Held = tuple[str, int]
"""A job, and the token under which somebody says to have it."""


class Submit(NamedTuple):
    """Submit *jobs*, all of them or none."""

    jobs: Sequence[Asked]


class Submitted(NamedTuple):
    """The answer for each job of `Submit`.

    Attributes:
        id: the job's.
        repeated: whether it was there before, by its id or its unique key.
    """

    id: str
    repeated: bool


class Claim(NamedTuple):
    """Lease up to *room* jobs to *worker*, now or as soon as there is one.

    With a room of 0 it only waits for what `Claimed.stops` says. A worker has one claim at a time:
    the one before is answered with nothing.

    Attributes:
        worker: a name that no other worker has, and none before it had.
        types: of these types.
        commands: or commands, whatever their type.
        room: 0 or more.
        held: what the worker has. What it has not, though it was leased to it, it has never heard
            of: that is given back.
        is_local: whether the worker ends with the node.
    """

    worker: str
    types: frozenset[str]
    commands: bool
    room: int
    held: Sequence[Held] = ()
    is_local: bool = False


class Grant(NamedTuple):
    """A job that a worker has leased.

    Attributes:
        id: the job's.
        type: what does it.
        token: proves, in a `Report`, that the lease is still the worker's.
        attempt: which one, from 1.
        spec: what it is to do.
        inputs: JSON of what the jobs have made whose results it wants, by their ids.
        submitted_ms: when it was submitted.
    """

    id: str
    type: str
    token: int
    attempt: int
    spec: Spec
    inputs: Mapping[str, bytes]
    submitted_ms: int


class Claimed(NamedTuple):
    """The answer to a `Claim`.

    Attributes:
        grants: what the worker has from now on.
        stops: jobs that it is to stop, and why.
        drain: whether it is to finish what it has, take nothing more, and end.
    """

    grants: Sequence[Grant]
    stops: Mapping[str, str]
    drain: bool = False


NOTHING: Final = Claimed((), {})


class Done(NamedTuple):
    """A job is done.

    Attributes:
        id: the job's.
        token: of its lease.
        result: JSON of what it has made; empty for nothing.
        outcome: what else is known of it: ``exit_code``, ``usage``.
    """

    id: str
    token: int
    result: bytes = b""
    outcome: Mapping[str, Any] | None = None


class Failed(NamedTuple):
    """An attempt has failed.

    Attributes:
        id: the job's.
        token: of its lease.
        code: a stable word.
        reason: a sentence.
        details: see `Failure`.
        is_final: whether it would fail again, and is not to be tried.
        is_crash: whether it took its worker along: that counts towards a dead job.
    """

    id: str
    token: int
    code: str
    reason: str
    details: Mapping[str, Any]
    is_final: bool = False
    is_crash: bool = False


class Released(NamedTuple):
    """A worker gives a job back.

    Attributes:
        id: the job's.
        token: of its lease.
        has_begun: whether it was begun; that was an attempt, then.
    """

    id: str
    token: int
    has_begun: bool = False


Ended = Done | Failed | Released


class Printed(NamedTuple):
    """A piece of what a job has printed.

    Attributes:
        id: the job's.
        token: of its lease.
        number: which piece of that attempt it is, from 0.
        data: the bytes.
    """

    id: str
    token: int
    number: int
    data: bytes


class Report(NamedTuple):
    """What a worker says of what it has.

    Attributes:
        worker: its name.
        ended: what has ended since.
        held: what it goes on with; for these the lease begins anew.
        printed: what its jobs have printed since.
        status: how it is; ``None`` where it says nothing of that.
    """

    worker: str
    ended: Sequence[Ended] = ()
    held: Sequence[Held] = ()
    printed: Sequence[Printed] = ()
    status: WorkerStatus | None = None


class Reported(NamedTuple):
    """The answer to a `Report`.

    Attributes:
        refused: what has ended, or has printed something, under a token that does not hold, or no
            longer: a sentence each, by the job's id.
        lost: what the worker has no lease of any more, and is to stop at once.
        stops: what it is to stop, and why.
        drain: see `Claimed`.
    """

    refused: Mapping[str, str]
    lost: Sequence[Held]
    stops: Mapping[str, str]
    drain: bool = False


class LetGo(NamedTuple):
    """Answer the claim with which *worker* waits, if it does: with nothing."""

    worker: str


class Cancel(NamedTuple):
    """Have a job not run, or stop."""

    job: str
    reason: str


class Retry(NamedTuple):
    """Have a job that has ended badly run once more, as if it was never tried."""

    job: str


class Reprioritise(NamedTuple):
    """Give a live job another priority."""

    job: str
    priority: int


class Change(NamedTuple):
    """Change the queue's settings; see `Settings.changed`."""

    change: Mapping[str, Any]


class Remove(NamedTuple):
    """Forget a job that has ended."""

    job: str


class Purge(NamedTuple):
    """Cancel all jobs in a state that waits, some at a time.

    Attributes:
        state: that state.
        last_slot: only what was submitted by then; ``None`` for now. So it ends, though more come.
    """

    state: JobState
    last_slot: int | None = None


class Purged(NamedTuple):
    """The answer to a `Purge`.

    Attributes:
        cancelled: how many jobs it has cancelled; not those that have ended by the end of another.
        left: how many of them are left at most; with 0 it is at its end.
        last_slot: what to go on with.
    """

    cancelled: int
    left: int
    last_slot: int = 0


class AwaitIdle(NamedTuple):
    """Wait until the queue has no live job; the answer is the slot at which that is so."""


Command = Submit | Claim | Report | LetGo | Cancel | Retry | Reprioritise | Change | Remove | Purge
