"""A job as people and programs see it: one map, in Python, on the command line and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from seriatim.formats.jobs.raw_json import RawJson, dump_json
from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Failure, Job
    from seriatim.formats.jobs.status import RunningJob


def view_of(queue: str, job: Job, running: RunningJob | None = None) -> dict[str, Any]:
    """Return what there is to say of *job*; times are Unix times in milliseconds.

    Args:
        queue: its queue.
        job: itself.
        running: what its worker has said last of its last attempt, where that is known.
    """
    spec = job.spec
    said: dict[str, Any] = {
        "id": job.id,
        "queue": queue,
        "type": job.type,
        "state": job.state.value,
        "slot": job.order.slot,
        "priority": job.priority,
        "attempts": job.attempt,
        "submitted_ms": job.submitted_ms,
        "started_ms": job.started_ms or None,
        "ended_ms": job.ended_ms or None,
        "exit_code": _exit_code(job),
    }
    if job.state is JobState.SCHEDULED:
        said["due_ms"] = job.due_ms
    if job.state is JobState.LEASED:
        said |= {"worker": job.worker, "token": job.token}
    if running is not None:
        said["progress"] = {"fraction": running.fraction, "note": running.note}
    if job.cancelling:
        said["cancelling"] = job.cancelling
    if job.waits:
        said["waits_for"] = sorted(job.waits)
    if job.failures:
        said["failures"] = [failure_view(each) for each in job.failures]
        if job.state is not JobState.DONE:
            last = said["failures"][-1]
            said["error"] = {key: last[key] for key in ("code", "reason")}
    if job.result:
        said["result"] = RawJson(job.result)
    if job.outcome:
        said["outcome"] = job.outcome
    return {**said, "spec": spec}


def plain_view_of(queue: str, job: Job, running: RunningJob | None = None) -> dict[str, Any]:
    """Return what `view_of` does, in values of Python's own alone: for programs that read it."""
    plain: dict[str, Any] = orjson.loads(dump_json(view_of(queue, job, running)))
    return plain


def failure_view(failure: Failure) -> dict[str, Any]:
    """Return what there is to say of a failed attempt."""
    said = failure._asdict()
    details: dict[str, Any] = said.pop("details")
    return {**details, **said}


def _exit_code(job: Job) -> int | None:
    """Return the exit code of the last attempt of a command; ``None`` where there is none."""
    last: dict[str, Any] = job.outcome or {}
    if job.state is not JobState.DONE and job.failures:
        last = job.failures[-1].details
    found: int | None = last.get("exit_code")
    return found
