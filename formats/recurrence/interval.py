"""Intervals of elapsed time, and durations as people and programs write them.

An interval knows no zone: clocks that are put forward or back do not touch it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import INSTANT_MAX_MS, INTERVAL_MAX_MS
from seriatim.formats.recurrence.words import DURATIONS, Words, check_text

# HyperBEAM's units: the beginning of the word decides.
_UNITS: Final = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
}
_WEEK_MS: Final = 7 * _UNITS["day"]
_WORDS: Final = {
    **{name: ms for unit, ms in _UNITS.items() for name in (unit, f"{unit}s")},
    **dict.fromkeys(("week", "weeks", "w"), _WEEK_MS),
    **dict.fromkeys(("ms", "msec", "msecs"), _UNITS["millisecond"]),
    **dict.fromkeys(("s", "sec", "secs"), _UNITS["second"]),
    **dict.fromkeys(("m", "min", "mins"), _UNITS["minute"]),
    **dict.fromkeys(("h", "hr", "hrs"), _UNITS["hour"]),
    "d": _UNITS["day"],
}
_NO_LENGTH: Final = ("month", "months", "year", "years")
_ISO: Final = re.compile(
    r"P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?"
)
_ISO_MS: Final = (_WEEK_MS, _UNITS["day"], _UNITS["hour"], _UNITS["minute"], _UNITS["second"])


@dataclass(frozen=True, slots=True)
class Interval:
    """The instants ``start_ms + n·every_ms`` for n = 0, 1, 2, …: none drifts from the first.

    Attributes:
        every_ms: 1 to ``INTERVAL_MAX_MS``.
        start_ms: the first nominal time (inclusive).
    """

    every_ms: int
    start_ms: int

    @property
    def elapsed_from_ms(self) -> int:
        """See `Recurrence`: the first one is an interval behind something, too."""
        return self.start_ms - self.every_ms

    def after(self, instant_ms: int) -> int | None:
        """See `Recurrence`."""
        passed = max((instant_ms - self.start_ms) // self.every_ms + 1, 0)
        due_ms = self.start_ms + passed * self.every_ms
        return due_ms if due_ms <= INSTANT_MAX_MS else None


def parse_hyperbeam_interval(text: str) -> int:
    """Return the milliseconds of ``<int>-<unit>``, such as ``5-minutes``.

    Raises:
        MalformedError: it is none (``bad_interval``); see `check_text`.
        LimitExceededError: over ``INTERVAL_MAX_MS``, or over ``RECURRENCE_MAX_CHARS``.

    Source:
        HyperBEAM ``src/dev_cron.erl``, ``parse_time/1``: the first hyphen divides, the unit's case
        does not count, and its beginning decides. 0 and less are an error there, too.

    >>> parse_hyperbeam_interval("5-minutes")
    300000
    """
    check_text(text)
    number, _, unit = text.partition("-")
    if not (number.isascii() and number.isdecimal()):
        raise MalformedError(
            f"expected a whole number above 0 before the first hyphen, found {number!r}; write "
            "5-minutes",
            code="bad_interval",
            offset=0,
        )
    for name, unit_ms in _UNITS.items():
        if unit.lower().startswith(name):
            return check_interval(int(number) * unit_ms)
    raise MalformedError(
        f"expected one of {', '.join(f'{name}s' for name in _UNITS)}, found {unit!r}",
        code="bad_interval",
        offset=len(number) + 1,
    )


def parse_iso_duration(text: str) -> int | None:
    """Return the milliseconds of ``PT1H30M`` (ISO 8601, without years and months), or ``None``."""
    found = _ISO.fullmatch(text.strip().upper())
    if found is None:
        return None
    return check_interval(
        sum(int(part or 0) * ms for part, ms in zip(found.groups(), _ISO_MS, strict=True))
    )


def parse_duration(text: str) -> int:
    """Return the milliseconds of ``1h30m``, ``30 seconds`` or ``PT90S``.

    Raises:
        MalformedError: it is none (``bad_time``), or 0 (``bad_interval``).
        LimitExceededError: over ``INTERVAL_MAX_MS``, or too long.
    """
    check_text(text)
    duration_ms = parse_iso_duration(text)
    if duration_ms is not None:
        return duration_ms
    words = Words.of(text, DURATIONS)
    duration_ms = read_duration(words)
    words.expect_end()
    return duration_ms


def is_unit(word: str) -> bool:
    """Return whether *word* is a unit of durations, one without a fixed length included."""
    return word in _WORDS or word in _NO_LENGTH


def read_duration(words: Words) -> int:
    """Read ``5 minutes``, ``1h30m`` or ``1 hour and 30 minutes``, the longest unit first.

    Raises:
        MalformedError: it is none (``bad_time``), or 0 (``bad_interval``).
        LimitExceededError: over ``INTERVAL_MAX_MS``.
    """
    total_ms, unit_ms = 0, 0
    while True:
        number = words.take_number()
        if number is None:
            words.fail("a whole number")
        if words.next in _NO_LENGTH:
            words.fail("a unit of fixed length, weeks at most (months: '0 9 1 * *')")
        if words.next not in _WORDS or (unit_ms and _WORDS[words.next] >= unit_ms):
            words.fail("a shorter unit" if unit_ms else "a unit, such as minutes")
        unit_ms = _WORDS[words.next]
        words.take(words.next)
        total_ms += number * unit_ms
        if not words.take("and", ",") and not words.next.isdecimal():
            return check_interval(total_ms)


def read_one_unit(words: Words) -> int:
    """Read ``minute``, ``hour`` or another unit of which one is meant; return its milliseconds."""
    if words.next not in ("second", "minute", "hour"):
        words.fail("a number of units, 'second', 'minute' or 'hour', or days of the week")
    unit = words.next
    words.take(unit)
    return _UNITS[unit]


def check_interval(every_ms: int) -> int:
    """Return *every_ms*, which has to be 1 to ``INTERVAL_MAX_MS``."""
    if every_ms < 1:
        raise MalformedError(
            "expected a duration above 0",
            code="bad_interval",
            offset=0,
        )
    if every_ms > INTERVAL_MAX_MS:
        raise LimitExceededError(
            "milliseconds of an interval", given=every_ms, maximum=INTERVAL_MAX_MS
        )
    return every_ms
