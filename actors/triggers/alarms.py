"""Heaps for all that comes due, and one timer: 100,000 triggers that wait cost no thread each.

Due times are of the wall clock, and timers of the monotonic one. So the wall clock is looked at
every ``CLOCK_CHECK_MS``, too, while anything waits: somebody may have set it forward. Set back, it
would have everything wait for as much longer; a wait that has an end by the monotonic clock does
not.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from seriatim.formats.limits import CLOCK_CHECK_MS, FIRES_DECIDED_AT_ONCE_MAX

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer

_STALE_MAX: Final = 64


class _Times:
    """A time for each key, by one clock; the first one is found at once."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, bytes]] = []
        self.by_key: dict[bytes, int] = {}

    def set(self, key: bytes, time_ms: int | None) -> None:
        """Have *key* at *time_ms* and at no other time; ``None`` for never."""
        if time_ms is None:
            self.by_key.pop(key, None)
            return
        if self.by_key.get(key) == time_ms:
            return
        self.by_key[key] = time_ms
        heapq.heappush(self._heap, (time_ms, key))
        if len(self._heap) > 2 * len(self.by_key) + _STALE_MAX:
            self._heap = [(time_ms, key) for key, time_ms in self.by_key.items()]
            heapq.heapify(self._heap)

    def first(self) -> tuple[int, bytes] | None:
        """Return the first time, and its key; ``None`` if there is none."""
        heap, times = self._heap, self.by_key
        while heap and times.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)  # set to another time since
        return heap[0] if heap else None


class Alarms:
    """Says which keys are due. Belongs to the thread that drives the clock."""

    def __init__(self, clock: Clock, on_due: Callable[[bytes, int, int], object]) -> None:
        """Call *on_due* with a key, when it is due, and the wall clock; once for each `set`.

        The wall clock does not show that time yet where the wait has ended before.
        """
        self._clock = clock
        self._on_due = on_due
        self._due = _Times()
        self._ends = _Times()
        self._timer: Timer | None = None
        # Of the monotonic clock.
        self._timer_ms = 0
        self._is_held = False
        self._is_closed = False
        self._is_ringing = False

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due.by_key)

    def set(self, key: bytes, due_ms: int | None, *, wait_ms: int | None = None) -> None:
        """Have *key* due at *due_ms* and at no other time; ``None`` for never.

        Args:
            key: which.
            due_ms: by the wall clock.
            wait_ms: how long it waits for that at most, by the monotonic clock; ``None`` for as
                long as that takes.
        """
        self._due.set(key, due_ms)
        monotonic_ms = self._clock.monotonic_ms()
        end_ms = None if due_ms is None or wait_ms is None else monotonic_ms + wait_ms
        self._ends.set(key, end_ms)
        if due_ms is None or self._is_ringing:
            return
        left_ms = due_ms - self._clock.now_ms()
        if wait_ms is not None:
            left_ms = min(left_ms, wait_ms)
        if self._timer is None or monotonic_ms + left_ms < self._timer_ms:
            self._arm()

    def close(self) -> None:
        """Say nothing any more."""
        self._is_closed = True
        self._arm()

    def hold(self, *, is_held: bool) -> None:
        """Say nothing more of what comes due until it is wanted again."""
        if is_held is not self._is_held:
            self._is_held = is_held
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due, end = self._due.first(), self._ends.first()
        if due is None or self._is_held or self._is_closed:
            return
        monotonic_ms = self._clock.monotonic_ms()
        left_ms = min(due[0] - self._clock.now_ms(), CLOCK_CHECK_MS)
        if end is not None:
            left_ms = min(left_ms, end[0] - monotonic_ms)
        self._timer_ms = monotonic_ms + left_ms
        self._timer = self._clock.call_later(left_ms, self._ring)

    def _ring(self) -> None:
        """Say what is due; of many, some now and the others when the loop has had its turn."""
        self._timer = None
        now_ms, monotonic_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        self._is_ringing = True
        try:
            for _ in range(FIRES_DECIDED_AT_ONCE_MAX):
                key = self._over(now_ms, monotonic_ms)
                if key is None or self._is_held:
                    break
                due_ms = self._due.by_key[key]
                self.set(key, None)
                self._on_due(key, due_ms, now_ms)
        finally:
            self._is_ringing = False
            self._arm()

    def _over(self, now_ms: int, monotonic_ms: int) -> bytes | None:
        """Return a key that is due, or whose wait has ended; ``None`` if there is none."""
        for times, clock_ms in ((self._due, now_ms), (self._ends, monotonic_ms)):
            first = times.first()
            if first is not None and first[0] <= clock_ms:
                return first[1]
        return None
