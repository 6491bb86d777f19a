"""What a running job may know of itself, and say."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.limits import JOB_NOTE_MAX_CHARS

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Grant


class JobContext:
    """The job that runs around whoever asks. What it says goes out with the next heartbeat.

    Attributes:
        id: the job's.
        queue: where it comes from.
        type: what does it.
        slot: in which it was granted: a number that no other attempt of any job of the queue has.
            Whatever it does elsewhere can carry it, so that an older attempt is known for one.
        attempt: which one, from 1.
        deadline_ms: Unix time by which it has to be done; ``None`` for none.
        is_stopping: whether it is asked to stop; code in a thread has to look.
        fraction: of its work that is done, as it has said last; 0 to 1 (inclusive).
        note: what else it has said then.
    """

    def __init__(self, queue: str, grant: Grant) -> None:
        self.id = grant.id
        self.queue = queue
        self.type = grant.type
        self.slot = grant.token
        self.attempt = grant.attempt
        self.deadline_ms: int | None = grant.spec.get("deadline_ms")
        self.is_stopping = False
        self.fraction = 0.0
        self.note = ""

    @property
    def token(self) -> int:
        """The fencing token, which is `slot`."""
        return self.slot

    def progress(self, fraction: float, note: str = "") -> None:
        """Say how far the job has come.

        Raises:
            MalformedError: *fraction* is not 0 to 1; code ``bad_progress``.
        """
        if not 0 <= fraction <= 1:
            raise MalformedError(
                f"progress: expected 0 to 1, found {fraction!r}", code="bad_progress"
            )
        self.fraction = float(fraction)
        self.note = str(note)[:JOB_NOTE_MAX_CHARS]


CURRENT: Final[ContextVar[JobContext]] = ContextVar("seriatim_job")


def current_job() -> JobContext:
    """Return the job in which this code runs.

    Raises:
        RefusedError: it runs in none; code ``no_job``.
    """
    found = CURRENT.get(None)
    if found is None:
        raise RefusedError("this code runs in no job of a worker's", code="no_job")
    return found
