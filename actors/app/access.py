"""What a program needs of queues beside working for them: its own node's, or another's."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from seriatim.actors.queue.commands import Command
from seriatim.actors.worker.port import JobsPort, SubmitPort
from seriatim.formats.jobs.view import failure_view

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job

T = TypeVar("T")


class Ending(NamedTuple):
    """How a job has ended.

    Attributes:
        state: one of `ENDED`.
        result: JSON of what it has made; empty for nothing.
        failure: of one that has not succeeded, what its last failure says: ``code``, ``reason``,
            ``error_type``, ``traceback``.
    """

    state: str
    result: bytes
    failure: Mapping[str, Any]


class Driver(Protocol):
    """Drives coroutines for whoever cannot await them."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of *work*.

        Raises:
            RefusedError: whoever asks can await it, and has to; code ``on_loop``.
        """


class JobsAccess(SubmitPort, Protocol):
    """What submits jobs, and what their handles need. All methods raise `SchedulerError`."""

    @property
    def driver(self) -> Driver:
        """Drives what follows for blocking code."""

    def make_id(self) -> str:
        """Return an id for a job, which no other one has."""

    async def ask(self, queue: str, command: Command) -> Any:
        """Have *command* done, in a queue that is there."""

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """Return what there is to say of *job*; see `view_of`."""

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """Return how *job* has ended, waiting for that up to *wait_ms*; ``None`` if it has not."""

    async def printed(self, queue: str, job: str, after: str) -> tuple[bytes, str | None]:
        """Return some of what *job* has printed, and behind which piece the next page begins.

        Args:
            queue: where it is.
            job: its id.
            after: as the page before said; empty for the first one. ``None`` is said by the last.
        """


class NodeJobs(JobsAccess, JobsPort, Protocol):
    """The queues of one node, by name, for a program that works for them, too."""

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """Have the trigger *name* be what *definition* says; ``None`` for no such trigger."""

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """Return the slot at which *queue* has no live job, waiting for that up to *wait_ms*.

        ``None`` if it still has some then, 0 where there is no such queue.
        """


def ending_of(job: Job) -> Ending:
    """Return how *job*, which has ended, has."""
    failure = failure_view(job.failures[-1]) if job.failures else {}
    return Ending(job.state.value, job.result, failure)
