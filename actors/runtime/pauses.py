"""Pauses between tries: each takes twice as long as the one before, up to a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seriatim.actors.runtime.clock import pause

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock


class Pauses:
    """The pauses of one who tries again.

    Attributes:
        next_ms: how long the next one takes.
    """

    __slots__ = ("_clock", "_longest_ms", "_shortest_ms", "next_ms")

    def __init__(self, clock: Clock, shortest_ms: int, longest_ms: int) -> None:
        """Begin with *shortest_ms* by *clock*; none takes longer than *longest_ms*."""
        self._clock = clock
        self._shortest_ms = shortest_ms
        self._longest_ms = longest_ms
        self.next_ms = shortest_ms

    def restart(self) -> None:
        """Begin with the shortest once more: something has gone well."""
        self.next_ms = self._shortest_ms

    def take_ms(self) -> int:
        """Return how long the next pause takes; whoever calls sees to it."""
        pause_ms = self.next_ms
        self.next_ms = min(2 * pause_ms, self._longest_ms)
        return pause_ms

    async def rest(self) -> None:
        """Return when the next pause is over; whoever is cancelled leaves no timer behind."""
        await pause(self._clock, self.take_ms())
