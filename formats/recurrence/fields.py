"""The fields of a cron expression, checked with their places and written in one way.

What a field may be is Vixie cron's grammar as Debian has it, with ``L``, ``LW`` and ``#``. The
library that computes with it says only which field is wrong; here is said where, and what was
expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from seriatim.formats.errors import MalformedError

_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_WEEKS_MAX: Final = 5
_FIELD: Final = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One of the six: its range (inclusive), its names, and what else stands for a value."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def values(self) -> str:
        """What a value may be, for people."""
        numbers = f"a number from {self.low} to {self.high}"
        if not self.names:
            return numbers
        first, *_, last = self.names
        return f"{numbers} or a name from {first} to {last}"


SECOND: Final = Field("second", 0, 59)
MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day-of-month", 1, 31)
MONTH: Final = Field("month", 1, 12, {name: place for place, name in enumerate(_MONTHS, 1)})
WEEKDAY: Final = Field("day-of-week", 0, 7, {name: place for place, name in enumerate(_WEEKDAYS)})

_SIX: Final = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


@dataclass(frozen=True, slots=True)
class FieldText:
    """A field as it was given: *text* with numbers for names, *offset* where it began."""

    field: Field
    text: str
    offset: int

    @property
    def is_starred(self) -> bool:
        """Whether it begins with a star, as ``*`` and ``*/2`` do: Vixie cron's star rule."""
        return self.text.startswith("*")


def read_fields(text: str) -> tuple[FieldText, ...]:
    """Return the six fields of *text*, which has five or six; the second is 0 where it has five.

    Raises:
        MalformedError: a field is wrong (``bad_cron``); *offset* is where.
    """
    found = list(_FIELD.finditer(text))
    if len(found) not in (5, 6):
        offset = found[6].start() if len(found) > len(_SIX) else len(text)
        refuse(
            "expected 5 fields (minute hour day-of-month month day-of-week), or 6 with the second "
            f"first; found {len(found)}",
            offset,
        )
    given = [
        _Reader(each, part[0].upper(), part.start()).read()
        for each, part in zip(_SIX[-len(found) :], found, strict=True)
    ]
    return (*[FieldText(SECOND, "0", 0)] * (6 - len(given)), *given)


def refuse(reason: str, offset: int) -> NoReturn:
    """Refuse a cron expression for what stands at *offset*."""
    raise MalformedError(reason, code="bad_cron", offset=offset)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one field; *text* in upper case, *offset* its place in the expression."""

    field: Field
    text: str
    offset: int

    def read(self) -> FieldText:
        place, read = 0, []
        for item in self.text.split(","):
            read.append(self._item(item, place))
            place += len(item) + 1
        return FieldText(self.field, ",".join(read), self.offset)

    def _item(self, item: str, place: int) -> str:
        base, slash, step = item.partition("/")
        if slash:
            self._number(step, place + len(base) + 1, 1, self.field.high, "a step")
        special = self._special(base, place)
        if special:
            if slash:
                self._fail("no step behind L or #", "/", place + len(base))
            return special
        if base == "*":
            return item
        first, dash, last = base.partition("-")
        low = self._value(first, place)
        if not dash:
            return f"{low}{slash}{step}"
        high = self._value(last, place + len(first) + 1)
        if high < low:
            self._fail(f"a range that goes up{_sunday_hint(self.field, high)}", base, place)
        # The library takes `5-5/15` for `5/15`, which goes on to 59; Vixie cron does not.
        return f"{low}-{high}{slash}{step}" if low < high else str(low)

    def _special(self, base: str, place: int) -> str:
        """Return ``L``, ``LW``, ``5L`` or ``1#2`` in numbers; empty for anything else."""
        if self.field is DAY and base in ("L", "LW"):
            return base
        if self.field is not WEEKDAY:
            return ""
        day, hash_, week = base.partition("#")
        if hash_:
            value = self._value(day, place)
            self._number(week, place + len(day) + 1, 1, _WEEKS_MAX, "a week of the month")
            return f"{value}#{int(week)}"
        if base.endswith("L"):
            if base == "L":
                self._fail("a weekday before L, such as 5L for the last Friday", base, place)
            return f"{self._value(base[:-1], place)}L"
        return ""

    def _value(self, text: str, place: int) -> int:
        if text in self.field.names:
            return self.field.names[text]
        if text == "?":
            self._fail("*, which means any", text, place)
        self._number(text, place, self.field.low, self.field.high, self.field.values)
        return int(text)

    def _number(self, text: str, place: int, low: int, high: int, what: str) -> None:
        """Check that *text* is a number from *low* to *high*, with two digits at most."""
        digits = text.isdecimal() and len(text) <= 2  # noqa: PLR2004  # no value has three
        if not digits or not low <= int(text) <= high:
            expected = what if what == self.field.values else f"{what} from {low} to {high}"
            self._fail(expected, text, place)

    def _fail(self, expected: str, found: str, place: int) -> NoReturn:
        shown = repr(found) if found else "nothing"
        refuse(f"{self.field.name}: expected {expected}; found {shown}", self.offset + place)


def _sunday_hint(of: Field, high: int) -> str:
    return " (Sunday is 7, too: 5-7 for Friday to Sunday)" if of is WEEKDAY and high == 0 else ""
