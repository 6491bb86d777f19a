"""Texts that say when a trigger is due: what is read gives times that rise.

That nothing searches for long is what `cost.py` counts.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from seriatim.formats.errors import FormatError
from seriatim.formats.limits import RECURRENCE_MAX_CHARS
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.recurrence import Recurrence

NOW_MS = 1_774_602_000_000  # 27 March 2026, two days before clocks are put forward
ZONE = ZoneInfo("Europe/Paris")

# The library for dates is loaded by the first of them, which is no cost of that text.
parse_recurrence("tomorrow at 9am", ZONE, now_ms=NOW_MS)


def seeds() -> list[bytes]:
    """Return one of each form, right and nearly so."""
    return [
        b"0 9 * * mon-fri",
        b"*/10 30 2,3 29 FEB,mar 1#5,5L",
        b"0 0 31 2 *",
        b"0 0 L,LW */2 */7",
        b"@daily",
        b"5-minutes",
        b"PT1H30M",
        b"every 1 hour and 30 minutes",
        b"in 90s",
        b"weekdays at 18:30",
        b"every monday, tuesday and friday at 9:15 pm",
        b"mon-fri at noon",
        b"2026-12-01 09:00:30.5+01:00",
        b"tomorrow at 9am",
        b"9am on friday the 1st of december 2026",
        b"in 3 months at midnight",
    ]


def read(text: str) -> Recurrence | FormatError:
    """Return what *text* says, or why it says nothing."""
    try:
        return parse_recurrence(text, ZONE, now_ms=NOW_MS)
    except FormatError as error:
        return error


def check(raw: bytes) -> None:
    """See ``target.py``."""
    text = raw.decode("utf-8", "surrogateescape")
    recurrence = read(text)
    if isinstance(recurrence, FormatError):
        assert 0 <= getattr(recurrence, "offset", 0) <= len(text), "a place in what was given"
        return
    assert len(text) <= RECURRENCE_MAX_CHARS
    at_ms: int | None = NOW_MS
    for _ in range(3):
        assert at_ms is not None
        before_ms, at_ms = at_ms, recurrence.after(at_ms)
        if at_ms is None:
            return
        assert at_ms > before_ms
