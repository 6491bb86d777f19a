"""What a job has of the results of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seriatim.formats.errors import LimitExceededError
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_INPUTS_MAX_BYTES

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.formats.jobs.job import Job


def read_inputs(fold: QueueFold, job: Job) -> Mapping[str, bytes]:
    """Return JSON of the results that *job* wants, of those that there are, by their jobs.

    Raises:
        LimitExceededError: they are more than ``JOB_INPUTS_MAX_BYTES``; the rest is not read.
    """
    inputs: dict[str, bytes] = {}
    size_bytes = 0
    for parent_id in job.spec.get("inputs", ()):
        parent = fold.job(parent_id)
        if parent is None or parent.state is not JobState.DONE:
            continue
        inputs[parent_id] = parent.result
        size_bytes += len(parent.result)
        if size_bytes > JOB_INPUTS_MAX_BYTES:
            raise LimitExceededError(
                f"size in bytes of the results that it wants, of the first {len(inputs)} jobs",
                given=size_bytes,
                maximum=JOB_INPUTS_MAX_BYTES,
            )
    return inputs
