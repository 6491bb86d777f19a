"""Deadlines of asks: one timer for all of them, however many there are.

Futures are kept in buckets of `DEADLINE_GRAIN_MS`; an answer takes its future out again, so a
busy node holds only what is unanswered, and the timer fires once per bucket, not once per ask.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from seriatim.formats.errors import DeadlineExceededError
from seriatim.formats.limits import DEADLINE_GRAIN_MS

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer
    from seriatim.actors.runtime.future import Future

_NEVER: Final = float("inf")


class Deadlines:
    """Fails every watched future that is not done in time with `DeadlineExceededError`.

    `watch` is safe from any thread; `arm` and `close` belong to the clock's thread.
    """

    __slots__ = ("_armed_tick", "_buckets", "_clock", "_lock", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._buckets: dict[int, dict[Future[Any], tuple[object, int]]] = {}
        self._armed_tick: float = _NEVER
        self._timer: Timer | None = None

    @property
    def watched(self) -> int:
        """How many futures are waited for."""
        with self._lock:
            return sum(map(len, self._buckets.values()))

    def watch(self, future: Future[Any], what: object, deadline_ms: int) -> bool:
        """Fail *future* unless it is done *deadline_ms* from now.

        It fails at the deadline or up to `DEADLINE_GRAIN_MS` later, never before.

        Args:
            future: what is to be done in time.
            what: who owes the answer; ``str(what)`` becomes part of the error.
            deadline_ms: from now on the monotonic clock.

        Returns:
            Whether `arm` must be called on the clock's thread.
        """
        tick = -(-(self._clock.monotonic_ms() + deadline_ms) // DEADLINE_GRAIN_MS)
        with self._lock:
            bucket = self._buckets.setdefault(tick, {})
            bucket[future] = (what, deadline_ms)
            must_arm = tick < self._armed_tick
            if must_arm:
                self._armed_tick = tick
        future.add_done_callback(bucket.pop)
        return must_arm

    def arm(self) -> None:
        """Set the timer for the earliest bucket."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            if not self._buckets:
                self._armed_tick = _NEVER
                return
            tick = min(self._buckets)
            self._armed_tick = tick
        delay_ms = tick * DEADLINE_GRAIN_MS - self._clock.monotonic_ms()
        self._timer = self._clock.call_later(delay_ms, self._sweep)

    def close(self) -> None:
        """Cancel the timer; what is still watched is not failed any more."""
        with self._lock:
            self._buckets.clear()
        self.arm()

    def _sweep(self) -> None:
        self._timer = None
        tick_now = self._clock.monotonic_ms() // DEADLINE_GRAIN_MS
        with self._lock:
            ticks = sorted(tick for tick in self._buckets if tick <= tick_now)
            due = [self._buckets.pop(tick) for tick in ticks]
        for bucket in due:
            # A copy: failing a future takes it out of its bucket.
            for future, (what, deadline_ms) in list(bucket.items()):
                future.fail(DeadlineExceededError(str(what), deadline_ms=deadline_ms))
        self.arm()
