"""What a log says itself about slots that cannot be computed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seriatim.formats.folds.failure import find_failure
from seriatim.formats.limits import FOLD_STEPS_MAX

if TYPE_CHECKING:
    from seriatim.formats.folds.run import Result
    from seriatim.store.log import Log


class Said:
    """What a log says about slots that are not run: those that never end."""

    def __init__(self, log: Log, process: bytes) -> None:
        """Look through the log of *process*."""
        self._log = log
        self._process = process
        self._results: dict[int, Result] = {}
        self._next = -1

    async def look(self, first: int) -> None:
        """Know what is said about the slots from *first* on.

        That may be said anywhere behind them, so the log is looked through to its end: once, a
        piece at a time, and from then on what is new of it.
        """
        slot = max(first, self._next)
        head = self._log.head(self._process)
        while head is not None and slot <= head.slot:
            last = min(slot + FOLD_STEPS_MAX - 1, head.slot)
            for place, record in self._log.read_range(self._process, slot, last):
                failure = find_failure(record)
                if failure is not None and failure.slot < place:
                    self._results.setdefault(failure.slot, failure.result)
            slot = last + 1
            await asyncio.sleep(0)  # others have their turn
        self._next = slot

    def result(self, slot: int) -> Result | None:
        """Return what is known to become of *slot*; ``None`` where it is for its fold to say."""
        return self._results.get(slot)
