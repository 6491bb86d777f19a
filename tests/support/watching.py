"""Watches as a table of triggers would use them: the world of a node, and one event at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import MappingProxyType
from typing import Any

from seriatim.actors.node import Node
from seriatim.actors.runtime.clock import Clock, ManualClock
from seriatim.actors.watches.watch import Watch, World
from seriatim.formats.folds.run import Result
from seriatim.formats.folds.state import decode_state
from seriatim.formats.watches.event import Event, NoEvent
from seriatim.store.memory_log import MemoryLog

NO_METRICS: Mapping[str, Callable[[], float]] = MappingProxyType({})


async def _never(process: bytes, slot: int, deadline_ms: int) -> bool:
    raise AssertionError("nobody waits for slots here")


def quiet_world(clock: Clock, *, metrics: Mapping[str, Callable[[], float]] = NO_METRICS) -> World:
    """Return a world in which nothing is scheduled or computed."""
    return World(clock, MemoryLog(), _never, None, metrics)


def world_of(node: Node, clock: Clock) -> World:
    """Return the world of *node*, with *clock* for whatever watches do with the time."""
    computing = node.computing
    if computing is None:
        return World(clock, node._log, node.wait_for, None, NO_METRICS)

    async def compute(process: bytes) -> Any:
        return decode_state((await computing.at(process)).state)

    async def result_of(process: bytes, slot: int) -> Result:
        return (await computing.at(process, slot)).result

    return World(clock, node._log, node.wait_for, compute, NO_METRICS, result_of)


class Watching:
    """A watch that is asked for its events one by one, while its clock goes on where it has to.

    Attributes:
        mark: the last watch mark that it has said; empty for none.
    """

    def __init__(self, events: AsyncGenerator[Event | NoEvent, None], clock: ManualClock) -> None:
        self.mark = b""
        self._events = events
        self._clock = clock
        self._asked: asyncio.Task[Event] | None = None

    def ask(self) -> asyncio.Task[Event]:
        """Return the next event, to come; the clock stands still."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._next())
        return self._asked

    async def next(self, *, within_ms: int = 0) -> Event:
        """Return the next event; the clock goes on to timers that are at most *within_ms* away."""
        asked = self.ask()
        async with asyncio.timeout(30):
            while not asked.done():
                due_ms = self._clock.due_ms()
                if due_ms is not None and due_ms - self._clock.monotonic_ms() <= within_ms:
                    self._clock.advance(due_ms - self._clock.monotonic_ms())
                await asyncio.sleep(0)
        return await asked

    async def end(self) -> None:
        """Ask no more."""
        if self._asked is not None:
            self._asked.cancel()
            await asyncio.wait([self._asked])

    async def _next(self) -> Event:
        while True:
            seen = await anext(self._events)
            self.mark = seen.mark
            if isinstance(seen, Event):
                return seen


@asynccontextmanager
async def watching(watch: Watch, mark: bytes, clock: ManualClock) -> AsyncIterator[Watching]:
    """Ask *watch* for what comes behind *mark*; end that as a node that stops does."""
    async with aclosing(watch.events(mark)) as events:
        found = Watching(events, clock)
        try:
            yield found
        finally:
            await found.end()
