"""What people ask of a queue: of one of its jobs, or of all that are in one state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seriatim.actors.queue.checks import check_retry
from seriatim.actors.queue.commands import Cancel, Purge, Purged, Remove, Reprioritise, Retry
from seriatim.actors.queue.purge import left_to_purge, some_to_purge
from seriatim.formats.errors import NotFoundError, RefusedError
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import QUEUE_CHANGED_MAX_BYTES

if TYPE_CHECKING:
    from seriatim.actors.queue.machine import QueueMachine
    from seriatim.formats.jobs.job import Job

_NO_REASON: Final = "nobody has said why"


def cancel(machine: QueueMachine, command: Cancel) -> JobState:
    """End the job, or have its worker asked to stop it; return in which state it is now."""
    job = _live(machine, command.job)
    if job.state is not JobState.LEASED:
        machine.say({"event": "cancelled", "id": job.id, "reason": command.reason})
        return job.state
    machine.stop(job, command.reason or _NO_REASON)
    return job.state


def retry(machine: QueueMachine, command: Retry) -> JobState:
    """Begin the job anew, as if it had not ended; return in which state it is now."""
    job = _known(machine, command.job)
    if job.state not in (JobState.FAILED, JobState.DEAD, JobState.CANCELLED):
        raise RefusedError(
            f"job {job.id} is {job.state}; only what is failed, dead or cancelled is retried",
            code="not_ended",
        )
    check_retry(machine.fold, job)
    machine.say({"event": "retried", "id": job.id})
    return machine.fold.live[job.id].state


def reprioritise(machine: QueueMachine, command: Reprioritise) -> JobState:
    """Give the job another priority; return in which state it is."""
    job = _live(machine, command.job)
    said = {"event": "priority", "id": job.id, "priority": command.priority}
    machine.say(said)
    return job.state


def remove(machine: QueueMachine, command: Remove) -> None:
    """Forget the job, which has ended, and all that is left of it."""
    job = _known(machine, command.job)
    if not job.state.is_ended:
        raise RefusedError(f"job {job.id} is {job.state}; cancel it first", code="not_ended")
    if machine.fold.is_wanted(job.id):
        raise RefusedError(f"a job that waits wants the result of {job.id}", code="wanted")
    machine.say({"event": "forgotten", "jobs": [job.id]})
    machine.output.forget(job.id)


def purge(machine: QueueMachine, command: Purge) -> Purged:
    """Cancel some of what is in one state; return how much is left."""
    last_slot = machine.fold.slot if command.last_slot is None else command.last_slot
    found = some_to_purge(machine.fold, command, last_slot)
    cancelled = 0
    most_bytes = machine.fold.changed_bytes + QUEUE_CHANGED_MAX_BYTES
    for job in found:
        if machine.fold.changed_bytes >= most_bytes:
            break
        if not job.state.is_ended:  # by the end of another one
            machine.say({"event": "cancelled", "id": job.id, "reason": "the queue was purged"})
            cancelled += 1
    left = left_to_purge(machine.fold, command, last_slot, found)
    return Purged(cancelled, left, last_slot)


def _known(machine: QueueMachine, job_id: str) -> Job:
    job = machine.fold.job(job_id)
    if job is None:
        raise NotFoundError(f"no job {job_id} in queue {machine.fold.queue}")
    return job


def _live(machine: QueueMachine, job_id: str) -> Job:
    job = _known(machine, job_id)
    if job.state.is_ended:
        raise RefusedError(f"job {job_id} is {job.state} already", code="ended")
    return job
