"""Time as an argument: what actors may ask about the time, and the two clocks that answer.

The only module of the product that reads the operating system's clocks.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_NS_PER_MS = 1_000_000


class Timer(Protocol):
    """A callback that waits for its time."""

    def cancel(self) -> None:
        """Make sure that the callback does not run any more; harmless after it has run."""


class Clock(Protocol):
    """Wall clock for records, monotonic clock for deadlines, timers for what comes later."""

    def now_ms(self) -> int:
        """Return Unix time in milliseconds. It may tie and it may go back."""

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary start. It never goes back."""

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> Timer:
        """Run *callback* once, *delay_ms* from now on the monotonic clock or a little later.

        Args:
            delay_ms: zero or less means as soon as possible, but never inside this call.
            callback: runs on the thread that drives the clock.
        """


async def pause(clock: Clock, delay_ms: int) -> None:
    """Return *delay_ms* from now by *clock*; whoever is cancelled leaves no timer behind."""
    over = asyncio.Event()
    timer = clock.call_later(delay_ms, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


def machine_monotonic_ms() -> int:
    """Return the machine's monotonic clock: a child has no loop, and so no `SystemClock`."""
    return time.monotonic_ns() // _NS_PER_MS


class SystemClock:
    """The machine's clocks, with the timers of an asyncio loop.

    `now_ms` and `monotonic_ms` are safe from any thread; `call_later` belongs to the loop's.
    """

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return time.time_ns() // _NS_PER_MS

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary start."""
        return machine_monotonic_ms()

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> Timer:
        """Run *callback* on the loop, *delay_ms* from now. See `Clock.call_later`."""
        return self._loop.call_later(max(delay_ms, 0) / 1000, callback)


class ManualTimer:
    """A timer of `ManualClock`."""

    __slots__ = ("_callback", "due_ms", "order")

    def __init__(self, due_ms: int, order: int, callback: Callable[[], object]) -> None:
        self.due_ms = due_ms
        self.order = order
        self._callback: Callable[[], object] | None = callback

    def __lt__(self, other: ManualTimer) -> bool:
        return (self.due_ms, self.order) < (other.due_ms, other.order)

    @property
    def is_live(self) -> bool:
        """Whether the callback is still to run."""
        return self._callback is not None

    def cancel(self) -> None:
        """Make sure that the callback does not run any more."""
        self._callback = None

    def fire(self) -> None:
        """Run the callback, unless it has run or was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class ManualClock:
    """A clock that stands still until it is told to move; for tests and simulation.

    Single-threaded. Wall and monotonic clock move together in `advance`; the wall clock alone
    can be set anywhere, back included, with `set_now_ms`.

    >>> clock = ManualClock(now_ms=1_000)
    >>> timer = clock.call_later(5, lambda: print("at", clock.now_ms()))
    >>> clock.advance(7)
    at 1005
    >>> clock.now_ms(), clock.monotonic_ms()
    (1007, 7)
    """

    __slots__ = ("_monotonic_ms", "_offset_ms", "_order", "_timers")

    def __init__(self, now_ms: int = 0) -> None:
        self._monotonic_ms = 0
        self._offset_ms = now_ms
        self._order = 0
        self._timers: list[ManualTimer] = []

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return self._monotonic_ms + self._offset_ms

    def monotonic_ms(self) -> int:
        """Return the milliseconds that `advance` has moved in all."""
        return self._monotonic_ms

    def set_now_ms(self, now_ms: int) -> None:
        """Set the wall clock; the monotonic clock and the timers do not notice."""
        self._offset_ms = now_ms - self._monotonic_ms

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> ManualTimer:
        """Run *callback* in the `advance` that reaches *delay_ms* from now."""
        self._order += 1
        timer = ManualTimer(self._monotonic_ms + max(delay_ms, 0), self._order, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def due_ms(self) -> int | None:
        """Return the monotonic time of the next live timer, or ``None`` when there is none."""
        while self._timers and not self._timers[0].is_live:
            heapq.heappop(self._timers)
        return self._timers[0].due_ms if self._timers else None

    def advance(self, delay_ms: int) -> None:
        """Move both clocks by *delay_ms* and run what comes due, the end included.

        Timers run in order of their due times, equal ones in the order in which they were set,
        each with the clocks at its own due time. A timer that is set meanwhile and comes due
        before the end runs too. A callback's exception ends the call with the clocks at that
        callback's time; the next `advance` goes on from there.

        Raises:
            ValueError: *delay_ms* is negative; time does not go back, only `set_now_ms` does.
        """
        if delay_ms < 0:
            raise ValueError(f"the monotonic clock cannot go back by {-delay_ms} ms")
        end_ms = self._monotonic_ms + delay_ms
        while (due_ms := self.due_ms()) is not None and due_ms <= end_ms:
            self._monotonic_ms = due_ms
            heapq.heappop(self._timers).fire()
        # A callback may have advanced further.
        self._monotonic_ms = max(self._monotonic_ms, end_ms)
