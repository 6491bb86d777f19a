"""What may be said of a job where its function is declared, or where it is submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, TypedDict

from seriatim.actors.app.arguments import Output
from seriatim.formats.errors import MalformedError
from seriatim.formats.recurrence.interval import parse_duration

Duration = str | float | timedelta
"""``"5 minutes"``, seconds, or a timedelta."""


class JobOptions(TypedDict, total=False):
    """What a job is beside its function and its arguments.

    Attributes:
        id: chosen by whoever submits it: the same again is the same job.
        priority: a greater one is first; -1,000 to 1,000, 0 where nothing is said.
        delay: how long it waits at least.
        at: when it may begin at the earliest; a time with a zone.
        deadline: by when it has to be done; a time with a zone.
        after: jobs that it waits for, or their ids; it fails when one of them does not succeed.
        after_any_end: the same, and it runs however they have ended.
        unless_failed: the same, and it is cancelled when one of them does not succeed.
        unique: whether a second one is the first while that has not ended: by its type and
            arguments for ``True``, else by this key; or a map with ``key``, ``states`` and
            ``window_ms``.
        key: of one key, so many run at once as ``key_concurrency`` says.
        takes: how much of which resources it takes while it runs: ``{"gpu": 1}``.
        retries: how often it may fail and be tried again.
        backoff: how long it waits before that; see `Backoff`.
        crashes_max: how many lost workers are one too many.
        timeout: how long an attempt may take.
        memory: with ``run="process"``, how much it may have beyond what its child has: bytes, or
            ``"512MB"``; this and what follows: see ``docs/executor.md``.
        cpu: how much processor time.
        processes: how many OS processes.
        files: how many open files.
        output: how much of what it prints is kept: as ``memory``.
        lease: how long its worker may be silent.
        silence: how long the job itself may be, which calls `JobContext.heartbeat` or `progress`.
    """

    id: str
    priority: int
    delay: Duration
    at: datetime
    deadline: datetime
    after: Sequence[Output[Any] | str]
    after_any_end: Sequence[Output[Any] | str]
    unless_failed: Sequence[Output[Any] | str]
    unique: bool | str | Mapping[str, Any]
    key: str
    takes: Mapping[str, int]
    retries: int
    backoff: Mapping[str, float]
    crashes_max: int
    timeout: Duration
    memory: int | str
    cpu: Duration
    processes: int
    files: int
    output: int | str
    lease: Duration
    silence: Duration


_EDGES: Final = {"after": "fail", "after_any_end": "run", "unless_failed": "skip"}
_DURATIONS: Final = {"delay": "delay_ms", "lease": "lease_ms", "silence": "silence_ms"}
_SIZES: Final = {"memory": "memory_bytes", "output": "output_bytes"}
_LIMITS: Final = {"timeout": "wall_ms", "cpu": "cpu_ms"}
CHILD_BOUNDS: Final = frozenset({"memory", "cpu", "processes", "files", "output"})
"""Options that hold for a function in a child only."""
_TIMES: Final = {"at": "due_ms", "deadline": "deadline_ms"}


def said_of(options: JobOptions) -> dict[str, Any]:
    """Return *options* as `read_asked` takes them.

    Raises:
        MalformedError: a duration or a time is none; codes ``bad_time``, ``bad_job``.
    """
    said: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    edges: list[list[str]] = []
    for key, value in options.items():
        if key in _EDGES:
            edges.extend([_id_of(key, job), _EDGES[key]] for job in _sequence(key, value))
        elif key in _DURATIONS:
            said[_DURATIONS[key]] = milliseconds(value)
        elif key in _TIMES:
            said[_TIMES[key]] = _instant_ms(key, value)
        elif key in _LIMITS:
            limits[_LIMITS[key]] = milliseconds(value)
        elif key in CHILD_BOUNDS:
            limits[key if isinstance(value, str) else _SIZES.get(key, key)] = value
        else:
            said[key] = value
    if limits:
        said["limits"] = limits
    return {**said, "after": edges} if edges else said


def milliseconds(duration: Any) -> int:
    """Return how long *duration* is.

    Raises:
        MalformedError: it is none; codes ``bad_time``, ``bad_interval``.
    """
    if isinstance(duration, timedelta):
        return int(duration.total_seconds() * 1_000)
    if isinstance(duration, int) and not isinstance(duration, bool):
        return duration * 1_000
    if isinstance(duration, float) and isfinite(duration * 1_000):
        return int(duration * 1_000)
    if not isinstance(duration, str):
        raise MalformedError(
            f"expected a duration such as '5 minutes', found {duration!r}", code="bad_time"
        )
    return parse_duration(duration)


def _instant_ms(key: str, value: Any) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise MalformedError(
            f"{key}: expected a datetime with a zone, found {value!r}", code="bad_job"
        )
    return int(value.timestamp() * 1_000)


def _sequence(key: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise MalformedError(f"{key}: expected a list of jobs, found {value!r}", code="bad_job")
    return value


def _id_of(key: str, job: Any) -> str:
    if isinstance(job, Output):
        return job.id
    if not isinstance(job, str):
        raise MalformedError(f"{key}: expected handles, or ids, found {job!r}", code="bad_job")
    return job
