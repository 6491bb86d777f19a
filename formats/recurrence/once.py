"""Single times: ISO 8601, ``in 10 minutes``, and dates in English with a time of day.

Dates are read by a library that guesses where it is in doubt. It gets only what it cannot
misunderstand: a date of one of a few forms, with the time of day that we have read ourselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final, NoReturn
from zoneinfo import ZoneInfo

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import INSTANT_MAX_MS
from seriatim.formats.recurrence.interval import read_duration
from seriatim.formats.recurrence.phrase import WEEKDAYS
from seriatim.formats.recurrence.words import Words, read_time
from seriatim.formats.recurrence.zone import instant_of

_WEEKDAY: Final = f"(?:{'|'.join(WEEKDAYS)})"
_MONTHS: Final = frozenset(
    spelled
    for name in (
        *("january", "february", "march", "april", "may", "june"),
        *("july", "august", "september", "october", "november", "december"),
    )
    for spelled in (name, name[:3])
)
_MONTH: Final = f"(?:{'|'.join(sorted(_MONTHS))})"
_DATE: Final = re.compile(
    "today|tomorrow|day after tomorrow"
    "|(?:in )?[0-9]{1,3} (?:day|week|month|year)s?"
    f"|(?:next |this )?(?P<weekday>{_WEEKDAY})"
    f"|(?:(?P<dated>{_WEEKDAY}) )?(?:[0-9]{{1,2}} {_MONTH}|{_MONTH} [0-9]{{1,2}})(?: [0-9]{{4}})?"
)
_PAST: Final = frozenset({"yesterday", "ago", "last", "previous"})
_ORDINALS: Final = frozenset({"st", "nd", "rd", "th"})
_FILLERS: Final = frozenset({",", "on", "the", "of"})
# What may be in a phrase of this file: the first word that is not among them is at fault.
_KNOWN: Final = (
    {"today", "tomorrow", "day", "after", "in", "next", "this", "at", "noon", "midnight"}
    | {"days", "week", "weeks", "month", "months", "year", "years", "am", "pm", ":"}
    | _MONTHS
    | WEEKDAYS.keys()
    | _ORDINALS
    | _FILLERS
)
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_EXAMPLE: Final = "2026-12-01 09:00"
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Once:
    """One nominal time.

    Attributes:
        at_ms: that time.
        elapsed_from_ms: see `Recurrence`.
    """

    at_ms: int
    elapsed_from_ms: int | None = None

    def after(self, instant_ms: int) -> int | None:
        """See `Recurrence`."""
        return self.at_ms if instant_ms < self.at_ms else None


def is_iso(text: str) -> bool:
    """Return whether *text* begins as a date of ISO 8601 does."""
    return _ISO_DATE.match(text) is not None


def parse_instant(text: str, zone: ZoneInfo) -> int:
    """Return the Unix milliseconds of an ISO 8601 date and time; without an offset, in *zone*.

    A date alone is its midnight. A local time in a clock fold is the first one; in a clock gap, the
    end of the gap.

    Raises:
        MalformedError: it is none (``bad_time``), or before 1970 or after ``INSTANT_MAX_MS``.
    """
    form = _ISO.fullmatch(text)
    if form is None:
        raise MalformedError(
            f"expected a date and a time of day, such as {_ISO_EXAMPLE}, found {text!r}",
            code="bad_time",
            offset=0,
        )
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise MalformedError(f"{text}: {error}", code="bad_time", offset=0) from error
    return _instant_ms(moment, zone)


def parse_once(text: str, zone: ZoneInfo, now_ms: int) -> Once:
    """Return the one time that *text* names, seen from *now_ms* in *zone*.

    Raises:
        MalformedError: it names none, or one only by a guess (``bad_time``, with its place); or one
            that is not after *now_ms* (``past_time``).
    """
    elapsed_from_ms: int | None = None
    if is_iso(text):
        at_ms = parse_instant(text, zone)
        if len(text) == len("2026-12-01"):
            raise MalformedError(
                f"expected a time of day behind the date, such as {_ISO_EXAMPLE}",
                code="bad_time",
                offset=len(text),
            )
    elif (elapsed_ms := _in_elapsed(text)) is not None:
        at_ms, elapsed_from_ms = now_ms + elapsed_ms, now_ms
    else:
        at_ms = _in_words(text, zone, now_ms)
    if at_ms <= now_ms:
        at = datetime.fromtimestamp(at_ms / 1000, zone).isoformat(" ", "seconds")
        _refuse_past(f"{text!r} is {at}", 0)
    return Once(at_ms, elapsed_from_ms)


def check_future(words: Words) -> None:
    """Refuse words that only what is over is said with, such as ``yesterday`` (``past_time``)."""
    for word in words.words:
        if word.text in _PAST:
            _refuse_past(f"{word.text!r} is over", word.offset)


def _in_elapsed(text: str) -> int | None:
    """Return the milliseconds of ``in 1h30m``; ``None`` for what names a time of day."""
    words = Words.of(text)
    if not words.take("in") or _split_time(Words.of(text)) is not None:
        return None
    duration_ms = read_duration(words)
    words.expect_end()
    return duration_ms


def _in_words(text: str, zone: ZoneInfo, now_ms: int) -> int:
    words = Words.of(text)
    split = _split_time(words)
    date = _DATE.fullmatch(_plain(text if split is None else split[0]))
    if date is None:
        known = (word.text in _KNOWN or word.text.isdecimal() for word in words.words)
        words.place = next((place for place, each in enumerate(known) if not each), 0)
        words.fail("a date or days, and a time of day")
    if split is None:
        words.place = len(words.words)
        words.fail("a time of day, such as 'at 9'")
    clock = split[1]
    now = datetime.fromtimestamp(now_ms / 1000, zone).replace(tzinfo=None)
    # It knows `sun` and `next sunday`, and not `next sun`; the three are one.
    moment = _ask_library(f"{date['weekday'] or date[0]} {clock:%H:%M:%S}", now)
    weekday = date["weekday"] or date["dated"]
    fits = moment is not None and moment.time() == clock
    if moment is None or not fits or (weekday and moment.isoweekday() % 7 != WEEKDAYS[weekday]):
        raise MalformedError(
            f"there is no {date[0]!r}; name a day that the calendar has", code="bad_time", offset=0
        )
    return _instant_ms(moment, zone)


def _split_time(words: Words) -> tuple[str, time] | None:
    """Return the date, as words with a space between, and the time before or behind it."""
    count = len(words.words)
    for start in range(count):
        words.place = start
        bare = words.take("at")
        clock = read_time(words, bare=bare)
        if clock is not None and (start == 0 or words.place == count):
            rest = words.words[words.place :] if start == 0 else words.words[:start]
            return " ".join(word.text for word in rest), clock
    return None


def _plain(date: str) -> str:
    """Return *date* without what says nothing: ``the 1st of december`` is ``1 december``."""
    kept: list[str] = []
    for word in Words.of(date).words:
        ordinal = word.text in _ORDINALS and bool(kept) and kept[-1].isdecimal()
        if word.text not in _FILLERS and not ordinal:
            kept.append(word.text)
    return " ".join(kept)


def _ask_library(phrase: str, now: datetime) -> datetime | None:
    # It takes a tenth of a second and some megabytes, which most nodes never need.
    from dateparser.date import DateDataParser  # noqa: PLC0415  # as just said

    settings = {
        "RELATIVE_BASE": now,
        "TIMEZONE": "UTC",  # local time in, local time out; never the machine's own zone
        "RETURN_AS_TIMEZONE_AWARE": False,
        "PREFER_DATES_FROM": "future",
        "PARSERS": ["relative-time", "absolute-time"],
    }
    found = DateDataParser(languages=["en"], settings=settings).get_date_data(phrase).date_obj
    return found if isinstance(found, datetime) else None


def _instant_ms(moment: datetime, zone: ZoneInfo) -> int:
    """Return the instant of *moment*, in its own offset if it has one; refuse what has no place."""
    whole = moment.replace(microsecond=0)
    if whole.tzinfo is None:
        at_s = instant_of(zone, whole)
    else:
        at_s = int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    at_ms = at_s * 1000 + moment.microsecond // 1000
    if not 0 <= at_ms <= INSTANT_MAX_MS:
        raise MalformedError(
            f"expected a year from 1970 to 9899, found {moment.year}", code="bad_time", offset=0
        )
    return at_ms


def _refuse_past(what: str, offset: int) -> NoReturn:
    raise MalformedError(
        f"{what}; name a time that is still to come", code="past_time", offset=offset
    )
