"""What a worker, and whoever submits, needs of queues: of this program, or of another node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from seriatim.actors.queue.commands import Claim, Claimed, Command, Report, Reported, Submitted
from seriatim.formats.jobs.spec import Asked


class SubmitPort(Protocol):
    """Takes jobs, for queues by name. All methods raise `SchedulerError`: see `Queues`."""

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """Submit *jobs*, all or none."""


class JobsPort(SubmitPort, Protocol):
    """Queues, by name. All methods raise `SchedulerError`: see `Queues`."""

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """Lease jobs, and wait for up to *wait_ms* until there is one."""

    async def report(self, queue: str, report: Report) -> Reported:
        """Say what has become of jobs, and which ones the worker goes on with."""

    async def change(self, queue: str, command: Command) -> Any:
        """Have *command* done, in a queue that is made where it is missing."""
