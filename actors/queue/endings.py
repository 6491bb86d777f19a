"""How the end of an attempt is said: what is tried again, and when, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seriatim.formats.jobs.fold import CANCELLED, OVERDUE
from seriatim.formats.jobs.raw_json import RawJson
from seriatim.formats.jobs.spec import backoff_of

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Done, Failed, Released
    from seriatim.formats.jobs.job import Job

Said = dict[str, Any]
"""An event; see `QueueFold`."""


def done_event(done: Done) -> Said:
    """Return that a job is done."""
    said: Said = {"event": "done", "id": done.id, "token": done.token}
    if done.result:
        said["result"] = RawJson(done.result)
    return {**said, "outcome": done.outcome} if done.outcome else said


def released_event(job: Job, released: Released, at_ms: int) -> Said:
    """Return that a worker has given a job back; arguments as for `failed_event`."""
    said: Said = {"event": "released", "id": released.id, "token": released.token}
    if released.has_begun:
        said["begun"] = True
    return {**said, "code": OVERDUE, "reason": job.cancelling} if _is_overdue(job, at_ms) else said


def failed_event(job: Job, failed: Failed, at_ms: int, chance: float) -> Said:
    """Return that an attempt has failed, and when the next one is due, if there is one.

    Args:
        job: as it was before.
        failed: what its worker says.
        at_ms: the time.
        chance: see `Backoff.pause_ms`.
    """
    code, reason = failed.code, failed.reason
    if job.cancelling and code == CANCELLED:
        code, reason = (OVERDUE if _is_overdue(job, at_ms) else CANCELLED), job.cancelling
    said = _said("failed", job, code, reason, failed.details)
    if not failed.is_final and not job.cancelling and job.tries < job.retries:
        said["again_ms"] = at_ms + backoff_of(job.spec).pause_ms(job.tries + 1, chance)
    return said


def crash_event(
    job: Job, code: str, reason: str, details: Mapping[str, Any], at_ms: int, chance: float
) -> Said:
    """Return that an attempt has taken its worker along; arguments as for `failed_event`."""
    if _is_overdue(job, at_ms):
        code, reason = OVERDUE, f"{job.cancelling}; {reason}"
    said = _said("expired", job, code, reason, details)
    if job.crashes + 1 < job.crashes_max:
        # The first time at once: most workers are lost for another reason than the job.
        pause_ms = backoff_of(job.spec).pause_ms(job.crashes, chance) if job.crashes else 0
        said["again_ms"] = at_ms + pause_ms
    return said


def _is_overdue(job: Job, at_ms: int) -> bool:
    """Tell whether *job*, which was to stop, is not to be cancelled: its deadline is over."""
    return bool(job.cancelling) and job.spec.get("deadline_ms", at_ms + 1) <= at_ms


def _said(event: str, job: Job, code: str, reason: str, details: Mapping[str, Any]) -> Said:
    said = {"event": event, "id": job.id, "token": job.token, "code": code, "reason": reason}
    return {**said, "details": details} if details else said
