"""What a trigger does next: the pure rule of fires and misfires. No clock, no I/O.

The cursor of a trigger is the last nominal time that is decided: it has fired, or is missed. The
next one after it, at a moment ``now``::

    the next nominal time               misfire   is          then
    not due (it and its jitter)         any       Wait        -
    due, late by FIRE_LATE_MS at most   any       Fire        cursor = it
    later than that: with all late      once      Miss        cursor = the last late one, where a
    ones up to the last late one                              later one is due, or it is too old;
                                                              else the one before it
                                        (again)   Fire        cursor = the last late one
                                        all       Miss        cursor = the last one too old
                                        (again)   Fire        cursor = it, one after the other
                                        skip      Miss        cursor = the last late one
    none                                any       Wait        never

A cursor never goes back, so no clock that jumps has a nominal time fire twice. So where the wall
clock is behind the cursor, as when it was ahead and was mended, the next time is far off. Where
elapsed time alone leads to it, as for an interval, it comes all the same: see `longest_wait`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from seriatim.formats.limits import FIRE_LATE_MS
from seriatim.formats.recurrence.recurrence import Recurrence, jitter_of
from seriatim.formats.triggers.definition import Misfire, Timing

# By such a part an interval is waited for longer, while the clock is behind it.
_LONGER_PART: Final = 10


class Reason(StrEnum):
    """Why nominal times are missed; or the code of the error that one has failed with."""

    COALESCED = "coalesced"
    """A later one fires for all of them."""
    TOO_OLD = "too_old"
    """They were over for longer than the window."""
    LATE = "late"
    """They were late, and the policy is to skip such."""
    PAUSED = "paused"
    """The trigger was paused."""
    CHANGED = "changed"
    """They were due by what the trigger was, and had not fired when it became something else."""
    REMOVED = "removed"
    """They were due, and had not fired when the trigger was removed."""
    OVERLAP = "overlap"
    """The run before had not ended."""


class Wait(NamedTuple):
    """Nothing is due.

    Attributes:
        due_ms: when the next one is, jitter included; ``None`` for never.
    """

    due_ms: int | None


class Fire(NamedTuple):
    """A nominal time fires."""

    nominal_ms: int

    @property
    def cursor_ms(self) -> int:
        """The cursor behind it."""
        return self.nominal_ms


class Miss(NamedTuple):
    """All nominal times from *first_ms* to *last_ms*, both inclusive, are missed."""

    first_ms: int
    last_ms: int
    reason: str
    detail: str = ""

    @property
    def cursor_ms(self) -> int:
        """The cursor behind them."""
        return self.last_ms


def next_step(timing: Timing, trigger: str, cursor_ms: int, now_ms: int) -> Wait | Fire | Miss:
    """Return what *trigger* (the text of its id) does at *now_ms*; see the module."""
    first_ms = timing.recurrence.after(cursor_ms)
    due_ms = None if first_ms is None else due_of(timing, trigger, first_ms)
    if first_ms is None or due_ms is None or due_ms > now_ms:
        return Wait(due_ms)
    return _due_step(timing, trigger, first_ms, now_ms)


def _due_step(timing: Timing, trigger: str, first_ms: int, now_ms: int) -> Fire | Miss:
    """Return what becomes of *first_ms*, which is due, and of those after it that share its lot."""
    recurrence = timing.recurrence
    late_ms = now_ms - FIRE_LATE_MS - timing.jitter_ms - 1
    oldest_ms = now_ms - timing.window_ms
    if timing.misfire is Misfire.ALL:
        late_ms = min(late_ms, oldest_ms - 1)
    if first_ms > late_ms:
        return Fire(first_ms)
    last_ms = last_until(recurrence, first_ms, late_ms)
    if timing.misfire is not Misfire.ONCE:
        is_skip = timing.misfire is Misfire.SKIP
        return Miss(first_ms, last_ms, Reason.LATE if is_skip else Reason.TOO_OLD)
    later_ms = recurrence.after(last_ms)
    is_later_due = later_ms is not None and due_of(timing, trigger, later_ms) <= now_ms
    if last_ms < oldest_ms or is_later_due:
        return Miss(first_ms, last_ms, Reason.COALESCED if is_later_due else Reason.TOO_OLD)
    if first_ms == last_ms:
        return Fire(last_ms)
    return Miss(first_ms, last_until(recurrence, first_ms, last_ms - 1), Reason.COALESCED)


def is_elapsed(timing: Timing, cursor_ms: int) -> bool:
    """Tell whether the time after *cursor_ms* comes when so much has passed, or by the clock."""
    from_ms = timing.recurrence.elapsed_from_ms
    # What is to come is behind the cursor, which is just before now where something starts now.
    return from_ms is not None and cursor_ms + 1 >= from_ms


def longest_wait(due_ms: int, cursor_ms: int, now_ms: int) -> int:
    """Return for how long *due_ms* is waited at most, where `is_elapsed` says so.

    That is what is left until then, seen from the cursor where the clock is behind it, and a part
    of that: so the clock catches up with a cursor that is ahead, and while it is ahead by less than
    that part, the clock alone decides: intervals do not drift.

    Args:
        due_ms: when it is due.
        cursor_ms: the last nominal time that is decided.
        now_ms: the wall clock; or what was due last, if that is later.
    """
    left_ms = max(due_ms - max(now_ms, cursor_ms), 0)
    return left_ms + left_ms // _LONGER_PART


def due_of(timing: Timing, trigger: str, nominal_ms: int) -> int:
    """Return when the fire of a nominal time is due: its jitter later."""
    return nominal_ms + jitter_of(trigger, nominal_ms, jitter_ms=timing.jitter_ms)


def last_until(recurrence: Recurrence, first_ms: int, until_ms: int) -> int:
    """Return the last nominal time at *until_ms* or before it, in about 40 looks.

    Args:
        recurrence: whose.
        first_ms: one of its nominal times, at *until_ms* at most.
        until_ms: inclusive.
    """
    last_ms, empty_ms = first_ms, until_ms
    # No nominal time is in (empty_ms, until_ms]; the last one is last_ms or in what is between.
    while last_ms < empty_ms:
        middle_ms = (last_ms + empty_ms) // 2
        found_ms = recurrence.after(middle_ms)
        if found_ms is None or found_ms > until_ms:
            empty_ms = middle_ms
        else:
            last_ms = found_ms
    return last_ms
