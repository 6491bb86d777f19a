"""Who waits for what is told once it is so: that one of some jobs has ended, or a queue is made."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from seriatim.actors.runtime.future import Future

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Awaited(Generic[K, T]):
    """Who waits for which of many things. Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Take the time from *clock*."""
        self._clock = clock
        self._waiting: dict[K, dict[_Waiter[K, T], None]] = {}

    async def wait(self, keys: Collection[K], wait_ms: int) -> Mapping[K, T]:
        """Return what is told of *keys* first, with whatever is told in the same turn of the loop.

        Nothing where that is so for *wait_ms*. Call it in the turn of the loop in which it was seen
        not to be so yet.
        """
        told: dict[K, T] = {}
        if wait_ms == 0:
            await asyncio.sleep(0)  # who asks again and again holds nobody up
            return told
        waiter = _Waiter(told, Future())
        for key in keys:
            self._waiting.setdefault(key, {})[waiter] = None
        over = self._clock.call_later(wait_ms, waiter.first.resolve)
        try:
            await waiter.first
        finally:
            over.cancel()
            for key in keys:
                self._forget(key, waiter)
        return told

    def _forget(self, key: K, waiter: _Waiter[K, T]) -> None:
        waiters = self._waiting.get(key)
        if waiters is not None:  # it was not told
            waiters.pop(waiter, None)
            if not waiters:
                del self._waiting[key]

    def tell(self, key: K, value: T) -> None:
        """Answer whoever waits for *key*."""
        if self._waiting:  # most of what is told, nobody waits for
            for waiter in self._waiting.pop(key, ()):
                waiter.told[key] = value
                waiter.first.resolve()

    def release(self) -> None:
        """Let nobody wait any longer who waits now."""
        for waiter in self._all():
            waiter.first.resolve()

    def fail(self, error: Exception) -> None:
        """Answer whoever waits with *error*."""
        for waiter in self._all():
            waiter.first.fail(error)

    def _all(self) -> list[_Waiter[K, T]]:
        return [each for waiters in self._waiting.values() for each in waiters]


class _Waiter(Generic[K, T]):
    """Waits for the first of some things."""

    __slots__ = ("first", "told")

    def __init__(self, told: dict[K, T], first: Future[None]) -> None:
        self.told = told
        self.first = first
