"""What a job may know of itself while it runs, and say: the same wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from seriatim.formats.errors import MalformedError, RefusedError
from seriatim.formats.limits import JOB_NOTE_MAX_CHARS
from seriatim.formats.plain_text import plain_text

if TYPE_CHECKING:
    from seriatim.actors.app.blocking import BlockingJobs

Ask = Callable[[str, Mapping[str, Any]], Any]
"""Returns what a worker answers to a verb and what is said with it; raises `SchedulerError`."""


class JobContext:
    """The attempt that runs around whoever asks.

    Attributes:
        facts: what its worker has told it of itself: JSON values.
        is_stopping: whether it is asked to stop; code in a thread has to look.
        ask: in a child, asks its worker; see `WorkerJobs`.
    """

    __slots__ = ("_jobs", "_say", "ask", "facts", "is_stopping")

    def __init__(
        self,
        facts: Mapping[str, Any],
        say: Callable[[Mapping[str, Any]], object],
        ask: Ask | None = None,
    ) -> None:
        self.facts = facts
        self.is_stopping = False
        self.ask = ask
        self._jobs: BlockingJobs | None = None
        self._say = say

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.facts["id"])

    @property
    def queue(self) -> str:
        """Where it comes from."""
        return str(self.facts["queue"])

    @property
    def type(self) -> str:
        """What does it."""
        return str(self.facts["type"])

    @property
    def slot(self) -> int:
        """In which it was granted: a number that no other attempt of any job of the queue has.

        Whatever it does elsewhere can carry it, so that what an older attempt does is known for it.
        """
        return int(self.facts["slot"])

    @property
    def token(self) -> int:
        """The fencing token of its lease, which is `slot`."""
        return self.slot

    @property
    def attempt(self) -> int:
        """Which attempt it is, from 1."""
        return int(self.facts["attempt"])

    @property
    def deadline_ms(self) -> int | None:
        """Unix time by which it has to be done; ``None`` for none."""
        return self.facts.get("deadline_ms")

    @property
    def jobs(self) -> BlockingJobs:
        """Submits other jobs, and waits for them, where a function blocks: in a thread, or a child.

        A coroutine function awaits ``function.submit(…)`` instead.

        Raises:
            RefusedError: what runs is no function of an app; code ``no_app``.
        """
        if self._jobs is None:
            raise RefusedError(
                "what runs here is no function of an app, and submits no jobs: @app.job is to be "
                "the outermost decorator",
                code="no_app",
            )
        return self._jobs

    def lend(self, jobs: BlockingJobs) -> None:
        """Have the job submit others by *jobs*."""
        self._jobs = jobs

    def progress(self, fraction: float, note: str = "") -> None:
        """Say how much of its work is done; it is seen with the worker's next heartbeat.

        Args:
            fraction: 0 to 1 (inclusive).
            note: what else there is to say, at most ``JOB_NOTE_MAX_CHARS`` characters.

        Raises:
            MalformedError: *fraction* is something else; code ``bad_progress``.
        """
        if not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise MalformedError(
                f"progress: expected 0 to 1, found {fraction!r}", code="bad_progress"
            )
        self.say({"fraction": float(fraction), "note": plain_text(str(note)[:JOB_NOTE_MAX_CHARS])})

    def heartbeat(self) -> None:
        """Say that the job goes on, where it may not be silent for long: see ``silence``."""
        self.say({})

    def say(self, said: Mapping[str, Any]) -> None:
        """Tell the worker whatever JSON can carry.

        Raises:
            TypeError: JSON cannot carry it.
            LimitExceededError: it takes more than ``JOB_SAID_MAX_BYTES``.
        """
        self._say(said)


current: Final[ContextVar[JobContext]] = ContextVar("seriatim_job")
"""The context of the job that runs here; set by whoever runs it."""


def current_job() -> JobContext:
    """Return the job in which this code runs.

    Raises:
        RefusedError: it runs in none; code ``no_job``. Threads that a job has started itself are
            not known to be its own.
    """
    found = current.get(None)
    if found is None:
        raise RefusedError("this code runs in no job of a worker's", code="no_job")
    return found
