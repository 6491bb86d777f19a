"""What every kind of recurrence is, the bounds that one may have, and jitter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol


class Recurrence(Protocol):
    """The nominal times of a trigger. The same recurrence gives the same times for ever."""

    @property
    def elapsed_from_ms(self) -> int | None:
        """From which instant on elapsed time alone leads to the next nominal time.

        ``None`` where it is an instant that somebody has said, or one of the calendar.
        """
        ...

    def after(self, instant_ms: int) -> int | None:
        """Return the first nominal time strictly after *instant_ms*; ``None`` if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Bounded:
    """A recurrence within bounds.

    Attributes:
        start_ms: the first instant that may be a nominal time (inclusive).
        end_ms: the first instant that may be none any more (exclusive).
    """

    recurrence: Recurrence
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def elapsed_from_ms(self) -> int | None:
        """See `Recurrence`: that it starts is an instant that somebody has said."""
        from_ms = self.recurrence.elapsed_from_ms
        if from_ms is None or self.start_ms is None:
            return from_ms
        return max(from_ms, self.start_ms)

    def after(self, instant_ms: int) -> int | None:
        """See `Recurrence`."""
        if self.start_ms is not None:
            instant_ms = max(instant_ms, self.start_ms - 1)
        due_ms = self.recurrence.after(instant_ms)
        if due_ms is None or (self.end_ms is not None and due_ms >= self.end_ms):
            return None
        return due_ms


def times_after(recurrence: Recurrence, instant_ms: int) -> Iterator[int]:
    """Yield the nominal times strictly after *instant_ms*, as they are asked for."""
    due_ms = recurrence.after(instant_ms)
    while due_ms is not None:
        yield due_ms
        due_ms = recurrence.after(due_ms)


def jitter_of(trigger: str, nominal_ms: int, *, jitter_ms: int) -> int:
    """Return by how much *trigger* is late at a nominal time, on purpose.

    It is a hash of both: the same on every node and after every restart, and spread evenly over the
    triggers that share a nominal time.

    Args:
        trigger: the trigger's id.
        nominal_ms: when it is due.
        jitter_ms: how many milliseconds to spread over; 0 for none.

    Returns:
        Milliseconds, from 0 (inclusive) to *jitter_ms* (exclusive).

    >>> jitter_of("nightly", 1_774_602_000_000, jitter_ms=60_000)
    15526
    """
    if jitter_ms <= 0:
        return 0
    digest = sha256(f"{nominal_ms}\n{trigger}".encode()).digest()
    return int.from_bytes(digest[:8]) % jitter_ms
