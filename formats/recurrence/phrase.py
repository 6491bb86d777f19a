"""Days of the week in English as a cron expression: ``every monday at 9``, ``weekdays at 18:30``.

A grammar of one line: ``[every|each] DAYS [at] TIME``, with DAYS one of the table, or names with
commas, ``and``, or a range between them.
"""

from __future__ import annotations

from typing import Final

from seriatim.formats.recurrence.words import Words, read_time

_NAMES: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
WEEKDAYS: Final = {
    spelled: place for place, name in enumerate(_NAMES) for spelled in (name, f"{name}s", name[:3])
}
_RANGE: Final = ("to", "-", "through")
_LIST: Final = (",", "and")
_BETWEEN: Final = (*_RANGE, *_LIST)
_GROUPS: Final = {
    **dict.fromkeys(("day", "daily"), "*"),
    **dict.fromkeys(("weekday", "weekdays"), "1-5"),
    **dict.fromkeys(("weekend", "weekends"), "0,6"),
}


def is_days(word: str, following: str) -> bool:
    """Return whether *word* begins days that come again, without ``every``.

    ``mondays``, ``weekends`` and ``mon-fri`` do; ``monday at 9`` is one day, and
    ``day after tomorrow`` too.
    """
    if word in WEEKDAYS:
        return word.endswith("days") or following in _BETWEEN
    return word in _GROUPS and word != "day"


def read_days(words: Words) -> str:
    """Read days and a time of day; return the cron expression.

    Raises:
        MalformedError: *words* are none (``bad_time``), with the place of the first that does not
            fit. A time of day is never guessed.
    """
    days = _read_which(words)
    words.take("at")
    clock = read_time(words, bare=True)
    if clock is None:
        words.fail("a time of day, such as 'at 9' or 'at 18:30'")
    words.expect_end()
    second = f"{clock.second} " if clock.second else ""
    return f"{second}{clock.minute} {clock.hour} * * {days}"


def _read_which(words: Words) -> str:
    group = _GROUPS.get(words.next)
    if group is not None:
        words.take(words.next)
        return group
    first = _read_weekday(words)
    if words.take(*_RANGE):
        last = _read_weekday(words)
        length = (last - first) % 7 + 1
        return ",".join(str((first + step) % 7) for step in range(length))
    days = [first]
    while words.take(*_LIST):
        words.take("and")  # behind a comma
        days.append(_read_weekday(words))
    return ",".join(map(str, days))


def _read_weekday(words: Words) -> int:
    if words.next not in WEEKDAYS:
        words.fail("a day, 'weekdays' or 'weekends'")
    day = WEEKDAYS[words.next]
    words.take(words.next)
    return day
