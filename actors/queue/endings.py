"""How the end of an attempt is said: what is tried again, and when, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seriatim.formats.jobs.fold import CANCELLED, DEADLINE_OVER, OVERDUE
from seriatim.formats.jobs.raw_json import RawJson
from seriatim.formats.jobs.spec import backoff_of

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Done, Failed, Released
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.formats.jobs.job import Job

Said = dict[str, Any]
"""An event; see `QueueFold`."""


def done_event(done: Done) -> Said:
    """Return that a job is done."""
    said: Said = {"event": "done", "id": done.id, "token": done.token}
    if done.result:
        said["result"] = RawJson(done.result)
    return {**said, "outcome": done.outcome} if done.outcome else said


def released_event(job: Job, released: Released, fold: QueueFold) -> Said:
    """Return that a worker has given a job back; arguments as for `failed_event`."""
    said: Said = {"event": "released", "id": released.id, "token": released.token}
    if released.has_begun:
        said["begun"] = True
    return {**said, "code": OVERDUE, "reason": job.cancelling} if _is_overdue(job, fold) else said


def failed_event(job: Job, failed: Failed, fold: QueueFold, chance: float) -> Said:
    """Return that an attempt has failed, and when the next one is due, if there is one.

    Args:
        job: as it was before.
        failed: what its worker says.
        fold: the queue's, which says the time.
        chance: see `Backoff.pause_ms`.
    """
    code, reason = failed.code, failed.reason
    if job.cancelling and code == CANCELLED:
        code, reason = (OVERDUE if _is_overdue(job, fold) else CANCELLED), job.cancelling
    said = _said("failed", job, code, reason, failed.details)
    if not failed.is_final and not job.cancelling and job.tries < job.retries:
        said["again_ms"] = fold.at_ms + backoff_of(job.spec).pause_ms(job.tries + 1, chance)
    return said


def crash_event(
    job: Job, code: str, reason: str, details: Mapping[str, Any], fold: QueueFold, chance: float
) -> Said:
    """Return that an attempt has taken its worker along; arguments as for `failed_event`."""
    if _is_overdue(job, fold):
        code, reason = OVERDUE, f"{job.cancelling}; {reason}"
    said = _said("expired", job, code, reason, details)
    if job.crashes + 1 < job.crashes_max:
        # The first time at once: most workers are lost for another reason than the job.
        pause_ms = backoff_of(job.spec).pause_ms(job.crashes, chance) if job.crashes else 0
        said["again_ms"] = fold.at_ms + pause_ms
    return said


def _is_overdue(job: Job, fold: QueueFold) -> bool:
    """Tell whether *job*, which was to stop, is not to be cancelled: its deadline is over."""
    if not job.cancelling or "deadline_ms" not in job.spec:
        return False
    # It stays so when somebody sets the wall clock back while the worker stops.
    is_over: bool = job.spec["deadline_ms"] <= fold.wall_ms
    return is_over or job.cancelling == DEADLINE_OVER


def _said(event: str, job: Job, code: str, reason: str, details: Mapping[str, Any]) -> Said:
    said = {"event": event, "id": job.id, "token": job.token, "code": code, "reason": reason}
    return {**said, "details": details} if details else said
