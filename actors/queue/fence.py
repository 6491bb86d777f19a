"""Whether a lease is one still: whatever a worker says of a job has to carry its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import QueueFold


def why_fenced(fold: QueueFold, worker: str, job_id: str, token: int) -> str:
    """Return why *token* is no lease of that job by *worker*; empty where it is.

    Tokens are small numbers that everybody may read: who has guessed one has no lease.
    """
    job = fold.live.get(job_id)
    if job is not None and job.state is JobState.LEASED and job.token == token:
        if job.worker == worker:
            return ""
        return f"job {job_id} is leased to worker {job.worker}, and not to {worker}"
    found = job or fold.job(job_id)
    if found is None:
        return f"there is no job {job_id} here"
    if found.token == token:
        return f"job {job_id} is {found.state}: the lease of token {token} is over"
    what = "is old" if token < found.token else "was never given"
    return f"job {job_id} is {found.state}; token {token} {what}, the last one is {found.token}"
