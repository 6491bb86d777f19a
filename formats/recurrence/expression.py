"""Cron expressions over local time: which seconds of a clock match. No zone comes into it."""

from __future__ import annotations

from calendar import monthrange
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from cronsim import CronSim

from seriatim.formats.limits import EXPRESSIONS_CACHED_MAX
from seriatim.formats.recurrence.fields import DAY, FieldText, read_fields, refuse
from seriatim.formats.recurrence.words import check_text

SHORTHANDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # what a clock shows has no zone
_SECOND: Final = timedelta(seconds=1)

# In so many years running, months of every length begin on every weekday.
_YEARS: Final = range(2001, 2029)


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression.

    Where both day fields are restricted, either may match. A field that begins with a star, such
    as ``*/2``, counts as not restricted, as in Vixie cron: then the other one has to match, too.

    Attributes:
        text: its six fields, with numbers for names.
        follows_elapsed_time: whether minute or hour begin with a star. Debian's cron runs such jobs
            by elapsed time, and the others once for each time that a clock should have shown.
    """

    text: str
    follows_elapsed_time: bool
    _matches: CronSim = field(repr=False, compare=False)

    def first_after(self, wall_s: int) -> int | None:
        """Return the first match strictly after *wall_s*; ``None`` if 50 years have none."""
        matches = copy(self._matches)
        matches.dt = _EPOCH + wall_s * _SECOND
        found = next(matches, None)
        return None if found is None else (found - _EPOCH) // _SECOND

    def is_match(self, wall_s: int) -> bool:
        """Return whether a clock that shows *wall_s* shows a match."""
        return self.first_after(wall_s - 1) == wall_s


@lru_cache(maxsize=EXPRESSIONS_CACHED_MAX)
def parse_expression(text: str) -> Expression:
    """Return the cron expression *text*: five fields, six with the second first, or a shorthand.

    Raises:
        MalformedError: it is none (``bad_cron``), with the offset of what is wrong; or no date ever
            matches, as the 31st of February.
        LimitExceededError: it is longer than ``RECURRENCE_MAX_CHARS``.

    Source:
        crontab(5) of Debian's cron; ``L``, ``LW``, ``#`` and seconds as CronSim has them.

    >>> parse_expression("0 9 * * mon-fri").text
    '0 0 9 * * 1-5'
    """
    check_text(text)
    fields = read_fields(_spelled_out(text))
    _, minute, hour, day, _, weekday = fields
    spelled = " ".join(each.text for each in fields)
    if (day.is_starred or weekday.is_starred) and not _is_possible(fields):
        refuse(
            f"{DAY.name}: expected a day that one of the months has; found {day.text!r}, which "
            "never comes together with the month and the day-of-week",
            day.offset,
        )
    return Expression(spelled, minute.is_starred or hour.is_starred, CronSim(spelled, _EPOCH))


def _is_possible(fields: tuple[FieldText, ...]) -> bool:
    """Return whether any month, of any length and beginning on any weekday, has a day that matches.

    Looked up among at most 28 kinds of months; a search for the next match would take decades.
    """
    _, _, _, day, month, weekday = (each.text for each in fields)
    if day == "*" or weekday == "*" == month:
        return True
    days = CronSim(f"0 0 {day} * {weekday}", _EPOCH)
    months = CronSim(f"0 0 1 {month} *", _EPOCH).months
    kinds = {monthrange(year, each): (year, each) for year in _YEARS for each in months}
    return any(
        days.match_day(date(year, each, day_of_month))
        for (_, length), (year, each) in kinds.items()
        for day_of_month in range(1, length + 1)
    )


def _spelled_out(text: str) -> str:
    """Return the fields that a shorthand stands for; anything else as it is."""
    name = text.strip(" \t").lower()
    if not name.startswith("@"):
        return text
    offset = text.index("@")
    if name == "@reboot":
        refuse(
            "@reboot names no time, and a node that restarts loses none; use an interval", offset
        )
    if name not in SHORTHANDS:
        close = get_close_matches(name, SHORTHANDS, n=1) or ["@daily"]
        refuse(f"expected {', '.join(SHORTHANDS)}; found {name!r}, try {close[0]}", offset)
    return SHORTHANDS[name]
