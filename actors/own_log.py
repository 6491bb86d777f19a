"""Placing what the node says itself: a message, and the rows that follow from it, as one.

Each message has a key of its own. Where it is unknown whether a commit has come about, the same is
written again, and has the slot that it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from seriatim.actors.scheduler.writer import TreeValues
from seriatim.formats.errors import DeadlineExceededError, StoreError, UnavailableError

if TYPE_CHECKING:
    from seriatim.actors.scheduler.writer import Store
    from seriatim.formats.schedule.assignment import Rows
    from seriatim.formats.schedule.submission import Submission
    from seriatim.formats.wire.receipt import Receipt

Place = Callable[["Submission"], Awaitable["Receipt"]]
"""Gives a message of the node's own its slot; see `Node.place_own`."""


class OwnLog:
    """Writes what the node says itself. Belongs to one event loop."""

    def __init__(self, place: Place, store: Store[TreeValues]) -> None:
        """Write by *place*, and rows alone by *store*."""
        self._place = place
        self._store = store

    async def place(self, submission: Submission) -> Receipt:
        """Give *submission*, which has a key, its slot, together with its rows.

        Raises:
            SchedulerError: see `Node.place`; it has no slot.
        """
        while True:
            try:
                receipt = await self._place(submission)
                if receipt.repeated:
                    # It was placed before, perhaps for another reason; its rows may be others.
                    await self.keep(submission.rows)
            except DeadlineExceededError:
                # It may still come to disk. Until that is known, nobody else may go on from what
                # the rows say now: the same again is told what has become of it.
                continue
            return receipt

    async def keep(self, rows: Rows) -> None:
        """Make *rows* durable alone: they say what can be found out again.

        Raises:
            UnavailableError: not now, as for what is placed: the same again is safe.
        """
        try:
            await self._store(TreeValues(rows))
        except StoreError as error:
            raise UnavailableError(f"{error}; send the same again") from error
