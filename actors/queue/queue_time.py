"""The time of a queue, by which everything goes that lasts: it never goes back, nor stands still.

The wall clock may be set. Put back, it would have every delay and every backoff wait for as long;
put forward and mended, the same, as the time of a queue never goes back. So while the wall clock
is behind it, the time goes on by the monotonic clock.
"""

from __future__ import annotations


class QueueTime:
    """The time of one queue, as one node knows it."""

    def __init__(self) -> None:
        # How far it is ahead of the monotonic clock; that never becomes less.
        self._ahead_ms: int | None = None

    def read(self, wall_ms: int, monotonic_ms: int, last_ms: int) -> int:
        """Return what time it is.

        Args:
            wall_ms: the wall clock.
            monotonic_ms: the monotonic one.
            last_ms: what the queue's last slot says: of what was before a start, nothing else is
                known.
        """
        at_ms = max(wall_ms, last_ms)
        if self._ahead_ms is not None:
            at_ms = max(at_ms, monotonic_ms + self._ahead_ms)
        self._ahead_ms = at_ms - monotonic_ms
        return at_ms
