"""Arrivals: readers that wait for a slot, and hear of it when it is durable.

The committer announces a slot once, when the writer has answered for it; slots of a copy, the
scheduler itself (``system.py``). A slot whose commit was in doubt may be durable and never
announced: its readers wait until their deadline.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from seriatim.actors.runtime.future import Future
from seriatim.formats.limits import LONG_POLLS_MAX

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock


class Arrivals:
    """Who waits for which slot. Belongs to the event loop's thread.

    Attributes:
        waiting: how many readers wait.
    """

    def __init__(self, clock: Clock) -> None:
        """Take deadlines from *clock*."""
        self.waiting = 0
        self._clock = clock
        self._by_place: dict[tuple[bytes, int], set[Future[bool]]] = {}
        self._is_released = False

    async def wait(self, process: bytes, slot: int, deadline_ms: int) -> bool:
        """Return when *slot* of *process* is announced, or *deadline_ms* from now.

        Call it in the turn of the loop in which the log was seen to end before *slot*: what
        becomes durable after that is announced after that.

        Returns:
            Whether the wait was kept: not where ``LONG_POLLS_MAX`` readers wait already, and not
            after `release`.
        """
        if self._is_released or self.waiting >= LONG_POLLS_MAX:
            return False
        place = (process, slot)
        reader: Future[bool] = Future()
        self._by_place.setdefault(place, set()).add(reader)
        self.waiting += 1
        timer = self._clock.call_later(deadline_ms, partial(reader.resolve, value=True))
        try:
            return await reader
        finally:
            timer.cancel()
            self.waiting -= 1
            self._forget(place, reader)

    def announce(self, process: bytes, slot: int) -> None:
        """Tell whoever waits for *slot* of *process* that it is durable."""
        if self._by_place:  # a node without readers that wait does nothing here
            for reader in self._by_place.pop((process, slot), ()):
                reader.resolve(value=True)

    def release(self) -> None:
        """Let everybody go who waits, and nobody wait from now on."""
        self._is_released = True
        for readers in self._by_place.values():
            for reader in readers:
                reader.resolve(value=False)

    def _forget(self, place: tuple[bytes, int], reader: Future[bool]) -> None:
        readers = self._by_place.get(place)
        if readers is not None:
            readers.discard(reader)
            if not readers:
                del self._by_place[place]
