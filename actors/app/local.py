"""The queues of the node in this program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seriatim.actors.app.access import Ending, ending_of
from seriatim.actors.runtime.own_loop import OwnLoop
from seriatim.formats.errors import NotFoundError, StoppingError
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
    """`NodeJobs` of *queues* of this OS process, for the event loop on which it was made.

    Attributes:
        driver: has other threads ask on that loop.
    """

    def __init__(self, queues: Queues, triggers: TriggerTable) -> None:
        self.driver = OwnLoop()
        self._queues = queues
        self._triggers = triggers

    def _here(self) -> Queues:
        """Return the queues, for a coroutine on their own loop."""
        self.driver.check()
        return self._queues

    def make_id(self) -> str:
        """See `JobsAccess.make_id`."""
        return self._queues.make_id()

    async def submit(self, queue: str, jobs: Sequence[Asked]) -> list[Submitted]:
        """See `SubmitPort.submit`."""
        return await self._here().submit(queue, jobs)

    async def claim(self, queue: str, claim: Claim, *, wait_ms: int) -> Claimed:
        """See `JobsPort.claim`."""
        return await self._here().claim(queue, claim, wait_ms=wait_ms)

    async def report(self, queue: str, report: Report) -> Reported:
        """See `JobsPort.report`."""
        return await self._here().report(queue, report)

    async def change(self, queue: str, command: Command) -> Any:
        """See `JobsPort.change`."""
        return await self._here().change(queue, command)

    async def ask(self, queue: str, command: Command) -> Any:
        """See `JobsAccess.ask`."""
        return await self._here().ask(queue, command)

    async def schedule(self, name: str, definition: Mapping[str, Any] | None) -> None:
        """See `NodeJobs.schedule`."""
        self.driver.check()
        if definition is not None:
            await self._triggers.define({**definition, "name": name})
            return
        with suppress(NotFoundError):
            await self._triggers.remove(self._triggers.find(name))

    async def show(self, queue: str, job: str) -> Mapping[str, Any]:
        """See `JobsAccess.show`."""
        queues = self._here()
        name, found = queues.reader.find(job, queue)
        return plain_view_of(name, found, queues.running(found))

    async def ending(self, queue: str, job: str, *, wait_ms: int) -> Ending | None:
        """See `JobsAccess.ending`."""
        queues = self._here()
        found = await queues.ended(queue, job, wait_ms=wait_ms)
        if found is None and wait_ms:
            _check_open(queues)
        return None if found is None else ending_of(found)

    async def idle(self, queue: str, *, wait_ms: int) -> int | None:
        """See `NodeJobs.idle`."""
        queues = self._here()
        if queue not in queues.names:
            return 0
        slot = await queues.idle(queue, wait_ms=wait_ms)
        if slot is None and wait_ms:
            _check_open(queues)
        return slot

    async def printed(self, queue: str, job: str, after: str) -> tuple[bytes, str | None]:
        """See `JobsAccess.printed`."""
        reader = self._here().reader
        reader.find(job, queue)
        page = reader.output_page(queue, job, after)
        return b"".join(data for _, data in page.pieces), page.after


def _check_open(queues: Queues) -> None:
    """Return, but where nobody has come because the app is closed, and not because time is over.

    Raises:
        StoppingError: it is.
    """
    if queues.is_released:
        raise StoppingError("the app was closed meanwhile; ask where it is opened next")
