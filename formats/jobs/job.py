"""A job as its queue knows it, and the row that it is on disk.

What was said when it was submitted stays as it is, in ``spec``; the rest has happened since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from seriatim.formats.errors import MalformedError
from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_CRASHES_DEFAULT, JOB_FAILURES_KEPT_MAX, JOB_LEASE_DEFAULT_MS

Spec = dict[str, Any]
"""What a job is to do, as `read_asked` has checked it; only what was said. JSON values are
`RawJson`, so that nobody reads them who does not have to."""

_VALUES: Final = ("args",)


class Order(NamedTuple):
    """Where a job was submitted: jobs of one priority have their turn in this order."""

    slot: int
    place: int


class Failure(NamedTuple):
    """What became of an attempt that did not succeed, or why a job has ended without one.

    Attributes:
        attempt: which one, from 1; 0 where it was none, and then there is no token, and no worker.
        token: of its lease.
        worker: who had it.
        at_ms: when its queue has heard of it.
        code: a stable word; see `docs/jobs.md`.
        reason: a sentence.
        details: what else is known: ``error_type``, ``traceback``, ``exit_code``, ``signal``,
            ``usage``, ``output``; only what is.
    """

    attempt: int
    token: int
    worker: str
    at_ms: int
    code: str
    reason: str
    details: dict[str, Any]


class Job:
    """One job; changed by its queue's fold only.

    Attributes:
        id: see ``job_id.py``.
        type: what does it.
        spec: see `Spec`.
        order: see `Order`.
        priority: a greater one is first.
        state: see `JobState`.
        submitted_ms: when it was submitted.
        due_ms: when it may begin, of a job that waits for a time; see `is_due_by_wall`.
        started_ms: when its last attempt was granted; 0 before.
        ended_ms: when it has ended; 0 before.
        attempt: how many attempts there were, or are.
        tries: how many of them have failed since it was submitted or last retried by hand.
        crashes: how many have lost their workers since then.
        token: the fencing token of its lease, which is the slot that has granted it.
        worker: who has it, or had it last.
        is_local: whether that worker ends with the node.
        cancelling: why its worker is asked to stop; empty where it is not.
        waits: the jobs that it waits for and that have not ended.
        failures: its last attempts that failed, oldest first.
        result: JSON of what it has made; empty for nothing.
        outcome: what else is known of the attempt that has ended it: ``exit_code``, ``usage``.
        row_bytes: how large its row was when it was written last; 0 before.
    """

    __slots__ = (
        "attempt",
        "cancelling",
        "crashes",
        "due_ms",
        "ended_ms",
        "failures",
        "id",
        "is_local",
        "order",
        "outcome",
        "priority",
        "result",
        "row_bytes",
        "spec",
        "started_ms",
        "state",
        "submitted_ms",
        "token",
        "tries",
        "type",
        "waits",
        "worker",
    )

    def __init__(
        self, job: str, kind: str, spec: Spec, order: Order, submitted_ms: int, state: JobState
    ) -> None:
        self.id = job
        self.type = kind
        self.spec = spec
        self.order = order
        self.priority: int = spec.get("priority", 0)
        self.state = state
        self.submitted_ms = submitted_ms
        self.due_ms = self.first_due_ms
        self.started_ms = 0
        self.ended_ms = 0
        self.attempt = 0
        self.tries = 0
        self.crashes = 0
        self.token = 0
        self.worker = ""
        self.is_local = False
        self.cancelling = ""
        self.waits: set[str] | None = None
        self.failures: list[Failure] | None = None
        self.result = b""
        self.outcome: dict[str, Any] | None = None
        self.row_bytes = 0

    @property
    def first_due_ms(self) -> int:
        """When it may begin, as it was submitted; 0 for at once."""
        spec = self.spec
        due_ms: int = spec.get("due_ms", 0)
        return self.submitted_ms + spec["delay_ms"] if "delay_ms" in spec else due_ms

    @property
    def is_due_by_wall(self) -> bool:
        """Whether it waits for an instant that somebody has said, which is the wall clock's.

        A delay, and a pause between two attempts, goes by the queue's time.
        """
        return "due_ms" in self.spec and not self.tries and not self.crashes

    @property
    def lease_ms(self) -> int:
        """How long its worker may be silent."""
        lease_ms: int = self.spec.get("lease_ms", JOB_LEASE_DEFAULT_MS)
        return lease_ms

    @property
    def retries(self) -> int:
        """How often it may fail and be tried again."""
        retries: int = self.spec.get("retries", 0)
        return retries

    @property
    def crashes_max(self) -> int:
        """How many lost workers are one too many."""
        crashes_max: int = self.spec.get("crashes_max", JOB_CRASHES_DEFAULT)
        return crashes_max

    @property
    def is_command(self) -> bool:
        """Whether it runs a program, and no function."""
        return "command" in self.spec

    @property
    def takes(self) -> tuple[tuple[str, int], ...]:
        """The tokens that it takes while a worker has it, its type's apart: names and numbers."""
        spec = self.spec
        if "takes" not in spec and "key" not in spec:
            return ()
        own = tuple(spec.get("takes", {}).items())
        return (*own, (key_token(self.type, spec["key"]), 1)) if "key" in spec else own

    def __repr__(self) -> str:
        return f"<Job {self.id} of {self.type}: {self.state}>"


def note_failure(job: Job, at_ms: int, said: Mapping[str, Any], *, in_attempt: bool = True) -> None:
    """Note what *said* says of the attempt at *job* that has failed: the last ones are kept.

    Not *in_attempt*, it says why the job has ended while it waited for its first, or for another.
    """
    kept = (job.failures or [])[-(JOB_FAILURES_KEPT_MAX - 1) :]
    attempt = (job.attempt, job.token, job.worker) if in_attempt else (0, 0, "")
    failure = Failure(
        *attempt,
        at_ms,
        said["code"],
        said["reason"],
        said.get("details", {}),
    )
    job.failures = [*kept, failure]


def key_token(kind: str, key: str) -> str:
    """Return the name of the token that jobs of the type *kind* with *key* take one of."""
    return f"{kind}/{key}"


def encode_row(job: Job) -> bytes:
    """Return *job* as it is kept: JSON of what is not as in a job that was just submitted.

    It notes in the job how large that is.
    """
    row: dict[str, Any] = {
        "id": job.id,
        "type": job.type,
        "state": job.state.value,
        "order": [*job.order],
        "submitted_ms": job.submitted_ms,
        "spec": job.spec,
    }
    if job.priority != job.spec.get("priority", 0):
        row["priority"] = job.priority
    if job.due_ms != job.first_due_ms:
        row["due_ms"] = job.due_ms
    if job.token:  # also where there is no attempt yet, as its lease was given back
        row["attempt"] = job.attempt
        row["started_ms"] = job.started_ms
        row["token"] = job.token
        row["worker"] = job.worker
    _add_rare(row, job)
    if job.waits:
        row["waits"] = sorted(job.waits)
    if job.result:
        row["result"] = RawJson(job.result)
    raw = dump_json(row)
    job.row_bytes = len(raw)
    return raw


def _add_rare(row: dict[str, Any], job: Job) -> None:
    """Add to *row* what few jobs have; they are asked one by one, for most of them in vain."""
    if job.ended_ms:
        row["ended_ms"] = job.ended_ms
    if job.is_local:
        row["is_local"] = True
    if job.outcome:
        row["outcome"] = job.outcome
    if job.failures:
        row |= {"failures": job.failures, "tries": job.tries, "crashes": job.crashes}
    if job.cancelling:
        row["cancelling"] = job.cancelling


_RARE: Final = (
    "ended_ms",
    "tries",
    "crashes",
    "is_local",
    "cancelling",
    "failures",
    "outcome",
)


def decode_row(raw: bytes) -> Job:
    """Return the job that `encode_row` has made *raw* of.

    Raises:
        MalformedError: it is damaged; code ``bad_row``.
    """
    try:
        row: dict[str, Any] = orjson.loads(raw)
        spec: Spec = row["spec"]
        for name in _VALUES:
            if name in spec:
                spec[name] = RawJson(dump_json(spec[name]))
        order, state = Order(*row["order"]), JobState(row["state"])
        job = Job(row["id"], row["type"], spec, order, row["submitted_ms"], state)
        for name in ("priority", "due_ms", "attempt", "started_ms", "token", "worker", *_RARE):
            if name in row:
                setattr(job, name, row[name])
        if "failures" in row:
            job.failures = [Failure(*each) for each in row["failures"]]
        if "waits" in row:
            job.waits = set(row["waits"])
        if "result" in row:
            job.result = dump_json(row["result"])
        job.row_bytes = len(raw)
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedError(f"a damaged row: {error!r}", code="bad_row") from error
    return job
