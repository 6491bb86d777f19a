"""The queues of the node in this program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seriatim.actors.app.access import Ending, ending_of
from seriatim.formats.errors import NotFoundError
from seriatim.formats.jobs.view import plain_view_of

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import (
        Claim,
        Claimed,
        Command,
        Report,
        Reported,
        Submitted,
    )
    from seriatim.actors.queue.queues import Queues
    from seriatim.actors.triggers.table import TriggerTable
    from seriatim.formats.jobs.spec import Asked


class LocalJobs:
    """`JobsAccess` to *queues* of this OS process."""

    def __init__(self, queues: Queues, triggers: TriggerTable) -> None:
        self._queues = queues
        self._triggers = triggers

    def make_id(self) -> str:
        """See `JobsAccess.make_id`."""
        return self._queues.make_id()

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """See `JobsPort.submit`."""
        return await self._queues.submit(queue, jobs)

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """See `JobsPort.claim`."""
        return await self._queues.claim(queue, claim, wait_ms=wait_ms)

    async def report(self, queue: str, report: Report) -> Reported:
        """See `JobsPort.report`."""
        return await self._queues.report(queue, report)

    async def change(self, queue: str, command: Command) -> Any:
        """See `JobsPort.change`."""
        return await self._queues.change(queue, command)

    async def ask(self, queue: str, command: Command) -> Any:
        """See `JobsAccess.ask`."""
        return await self._queues.ask(queue, command)

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """See `JobsAccess.schedule`."""
        if definition is not None:
            await self._triggers.define({**definition, "name": name})
            return
        with suppress(NotFoundError):
            await self._triggers.remove(self._triggers.find(name))

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """See `JobsAccess.show`."""
        name, found = self._queues.reader.find(job, queue)
        return plain_view_of(name, found, self._queues.running(found))

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """See `JobsAccess.ending`."""
        found = await self._queues.ended(queue, job, wait_ms=wait_ms)
        return None if found is None else ending_of(found)

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """See `JobsAccess.idle`."""
        if queue not in self._queues.names:
            return 0
        return await self._queues.idle(queue, wait_ms=wait_ms)
