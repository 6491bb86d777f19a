"""Who waits for something that is told once it is so: the end of a job, or that a queue is made."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from functools import partial
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
        self._waiting: dict[K, dict[Future[T | None], None]] = {}

    async def wait(self, key: K, wait_ms: int) -> T | None:
        """Return what is told of *key*; ``None`` where that is nothing for *wait_ms*.

        Call it in the turn of the loop in which it was seen not to be so yet.
        """
        if wait_ms == 0:
            await asyncio.sleep(0)  # who asks again and again holds nobody up
            return None
        future: Future[T | None] = Future()
        self._waiting.setdefault(key, {})[future] = None
        over = self._clock.call_later(wait_ms, partial(future.resolve, None))
        try:
            return await future
        finally:
            over.cancel()
            futures = self._waiting.get(key, {})
            futures.pop(future, None)
            if not futures:
                self._waiting.pop(key, None)

    def tell(self, key: K, value: T) -> None:
        """Answer whoever waits for *key*."""
        if self._waiting:  # most of what is told, nobody waits for
            for future in self._waiting.pop(key, ()):
                future.resolve(value)

    def release(self) -> None:
        """Let nobody wait any longer who waits now."""
        for future in self._all():
            future.resolve(None)

    def fail(self, error: Exception) -> None:
        """Answer whoever waits with *error*."""
        for future in self._all():
            future.fail(error)

    def _all(self) -> list[Future[T | None]]:
        return [each for futures in self._waiting.values() for each in futures]
