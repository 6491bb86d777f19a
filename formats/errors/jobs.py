"""Errors of jobs that somebody submits, or waits for."""

from __future__ import annotations

from seriatim.formats.errors.base import SchedulerError
from seriatim.formats.errors.refusals import RefusedError


class TakenError(RefusedError):
    """Another job has the id, or the unique key; the same again is refused again."""

    code = "conflict"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code=TakenError.code)


class JobError(SchedulerError):
    """A job has ended without success, so it has no result.

    Attributes:
        job: its id.
        state: how it has ended.
        code: why, as its last attempt says: a stable word; see `docs/jobs.md`.
        reason: the same in a sentence.
        error_type: name of the class of what it has raised, if it has raised anything.
        traceback: where it has.
    """

    code = "job"

    def __init__(
        self,
        *,
        job: str,
        state: str,
        code: str,
        reason: str,
        error_type: str = "",
        traceback: str = "",
    ) -> None:
        self.code = code  # type: ignore[misc]  # a narrower code than the class's own
        self.job = job
        self.state = state
        self.reason = reason
        self.error_type = error_type
        self.traceback = traceback
        kind = f"{error_type}: " if error_type else ""
        super().__init__(f"job {job} is {state}: {kind}{reason}")
