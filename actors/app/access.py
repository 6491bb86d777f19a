"""What a program needs of queues beside working for them: its own node's, or another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from seriatim.actors.queue.commands import Command
from seriatim.actors.worker.port import JobsPort
from seriatim.formats.jobs.view import failure_view

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


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


class JobsAccess(JobsPort, Protocol):
    """Queues, by name. All methods raise `SchedulerError`."""

    def make_id(self) -> str:
        """Return an id for a job, which no other one has."""

    async def ask(self, queue: str, command: Command) -> Any:
        """Have *command* done, in a queue that is there."""

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """Have the trigger *name* be what *definition* says; ``None`` for no such trigger."""

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """Return what there is to say of *job*; see `view_of`."""

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """Return how *job* has ended, waiting for that up to *wait_ms*; ``None`` if it has not."""

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """Return the slot at which *queue* has no live job, waiting for that up to *wait_ms*.

        ``None`` if it still has some then, 0 where there is no such queue.
        """


def ending_of(job: Job) -> Ending:
    """Return how *job*, which has ended, has."""
    failure = failure_view(job.failures[-1]) if job.failures else {}
    return Ending(job.state.value, job.result, failure)
