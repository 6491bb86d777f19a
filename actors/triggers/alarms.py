"""One heap for all that comes due, and one timer: 100,000 triggers that wait cost no thread each.

Due times are of the wall clock, and timers of the monotonic one. So the wall clock is looked at
every ``CLOCK_CHECK_MS``, too, while anything waits: somebody may have set it forward.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from seriatim.formats.limits import CLOCK_CHECK_MS, FIRES_DECIDED_AT_ONCE_MAX

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer

_STALE_MAX: Final = 64


class Alarms:
    """Says which keys are due. Belongs to the thread that drives the clock."""

    def __init__(self, clock: Clock, on_due: Callable[[bytes, int], object]) -> None:
        """Call *on_due* with each key that comes due, and the wall clock; once for each `set`."""
        self._clock = clock
        self._on_due = on_due
        self._heap: list[tuple[int, bytes]] = []
        self._due_ms: dict[bytes, int] = {}
        self._timer: Timer | None = None
        self._timer_ms = 0
        self._is_held = False
        self._is_closed = False
        self._is_ringing = False

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due_ms)

    def set(self, key: bytes, due_ms: int | None) -> None:
        """Have *key* due at *due_ms* and at no other time; ``None`` for never."""
        if due_ms is None:
            self._due_ms.pop(key, None)
            return
        if self._due_ms.get(key) == due_ms:
            return
        self._due_ms[key] = due_ms
        heapq.heappush(self._heap, (due_ms, key))
        if len(self._heap) > 2 * len(self._due_ms) + _STALE_MAX:
            self._heap = [(due_ms, key) for key, due_ms in self._due_ms.items()]
            heapq.heapify(self._heap)
        if not self._is_ringing and (self._timer is None or due_ms < self._timer_ms):
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
        heap, due = self._heap, self._due_ms
        while heap and due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)  # set to another time since
        if not heap or self._is_held or self._is_closed:
            return
        now_ms = self._clock.now_ms()
        self._timer_ms = min(heap[0][0], now_ms + CLOCK_CHECK_MS)
        self._timer = self._clock.call_later(self._timer_ms - now_ms, self._ring)

    def _ring(self) -> None:
        """Say what is due; of many, some now and the others when the loop has had its turn."""
        self._timer = None
        now_ms = self._clock.now_ms()
        due = self._due_ms
        self._is_ringing = True
        try:
            for _ in range(FIRES_DECIDED_AT_ONCE_MAX):
                heap = self._heap
                if not heap or heap[0][0] > now_ms or self._is_held:
                    break
                due_ms, key = heapq.heappop(heap)
                if due.get(key) == due_ms:
                    del due[key]
                    self._on_due(key, now_ms)
        finally:
            self._is_ringing = False
            self._arm()
