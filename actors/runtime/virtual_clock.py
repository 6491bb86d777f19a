"""A clock that a test moves: three hours in no time, and every timer in between runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from seriatim.actors.runtime.clock import ManualClock

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Timer

_MS: Final = timedelta(milliseconds=1)
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Passed(TypedDict, total=False):
    """How much time passes: the sum of these."""

    days: float
    hours: float
    minutes: float
    seconds: float
    milliseconds: float


def passed_ms(passed: Passed) -> int:
    """Return *passed* in whole milliseconds."""
    return timedelta(**passed) // _MS


class VirtualClock:
    """A node's time in a test: it stands still until it is told to move.

    ``seriatim.open(path, clock=clock)`` takes its timestamps and its timers from it. It belongs to
    the event loop's thread.

    >>> clock = VirtualClock()
    >>> clock.advance(hours=3)
    >>> clock.now.isoformat()
    '2026-01-01T03:00:00+00:00'
    """

    def __init__(self, now: datetime = _START) -> None:
        """Begin at *now*, which has a time zone.

        Raises:
            ValueError: it has none.
        """
        self._clock = ManualClock(_to_ms(now))

    @property
    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.fromtimestamp(0, UTC) + self.now_ms() * _MS

    def advance(self, **passed: Unpack[Passed]) -> None:
        """Let time pass; each timer that comes due runs at its own time, in order.

        What a timer has started goes on when the event loop has its turn: ``await`` what you wait
        for. Until then the clock stands at the end: `pass_time` stops it on the way.

        Raises:
            ValueError: the sum is below zero: time does not go back, only `set` does.
        """
        self._clock.advance(passed_ms(passed))

    def set(self, now: datetime) -> None:
        """Set the wall clock, forth or back, as an operator or NTP does; timers do not notice.

        Raises:
            ValueError: *now* has no time zone.
        """
        self._clock.set_now_ms(_to_ms(now))

    # What a node asks of its clock: see `Clock`.

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        return self._clock.now_ms()

    def monotonic_ms(self) -> int:
        """Return the milliseconds that `advance` has let pass in all."""
        return self._clock.monotonic_ms()

    def due_ms(self) -> int | None:
        """Return the monotonic time of the next timer, or ``None`` when there is none."""
        return self._clock.due_ms()

    def call_later(self, delay_ms: int, callback: Callable[[], object]) -> Timer:
        """Run *callback* in the `advance` that reaches *delay_ms* from now."""
        return self._clock.call_later(delay_ms, callback)


def _to_ms(now: datetime) -> int:
    if now.tzinfo is None:
        raise ValueError(f"{now.isoformat()} has no time zone; give it one, as in tzinfo=UTC")
    return (now - datetime.fromtimestamp(0, UTC)) // _MS
