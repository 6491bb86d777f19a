"""Whether a lease is one still: whatever a worker says of a job has to carry its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.formats.jobs.state import JobState

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import QueueFold


def why_fenced(fold: QueueFold, job_id: str, token: int) -> str:
    """Return why *token* is no lease of that job; empty where it is."""
    job = fold.live.get(job_id)
    if job is not None and job.state is JobState.LEASED and job.token == token:
        return ""
    found = job or fold.job(job_id)
    if found is None:
        return f"there is no job {job_id} here"
    if found.token == token:
        return f"job {job_id} is {found.state}: the lease of token {token} is over"
    return f"job {job_id} is {found.state}; token {token} is old, the last one is {found.token}"
