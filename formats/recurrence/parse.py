"""Any text that says when a trigger is due, as a `Recurrence`."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

from seriatim.formats.errors import MalformedError
from seriatim.formats.recurrence.cron import Cron
from seriatim.formats.recurrence.expression import Expression, parse_expression
from seriatim.formats.recurrence.interval import (
    Interval,
    is_unit,
    parse_hyperbeam_interval,
    parse_iso_duration,
    read_duration,
    read_one_unit,
)
from seriatim.formats.recurrence.once import Once, check_future, is_iso, parse_once
from seriatim.formats.recurrence.phrase import is_days, read_days
from seriatim.formats.recurrence.recurrence import Bounded, Recurrence
from seriatim.formats.recurrence.words import Words, check_text
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy

# Two fields of digits and signs, or a star anywhere: nothing else that is read here looks so.
_CRON: Final = re.compile(r"@|[^*]*\*|[0-9,/?-]+[ \t]+[0-9,/?-]+(?:[ \t]|$)")
_HYPERBEAM: Final = re.compile(r"\S*-(?:millisecond|second|minute|hour|day)[a-z]*", re.IGNORECASE)


def parse_recurrence(
    text: str,
    zone: ZoneInfo,
    *,
    now_ms: int,
    start_ms: int | None = None,
    end_ms: int | None = None,
    gap: GapPolicy | None = None,
    fold: FoldPolicy | None = None,
) -> Recurrence:
    """Return what *text* says: a cron expression, an interval, a single time, or a phrase of those.

    Args:
        text: one of the forms of ``docs/cron.md``.
        zone: whose clocks are meant, where clocks are.
        now_ms: from when ``in 10 minutes`` and ``tomorrow at 9`` count, and intervals without
            *start_ms*.
        start_ms: the first instant that may be a nominal time; of an interval, the first one.
            Without it, the first time of an interval is an interval after *now_ms*.
        end_ms: the first instant that may be none any more.
        gap: for times that clocks skip; ``None`` as `Cron.of` says. Only for times of day that
            come again.
        fold: for times that clocks show twice; as *gap*.

    Raises:
        MalformedError: it is none of these; ``code`` says which it looked like: ``bad_cron``,
            ``bad_interval``, ``past_time``, ``bad_time`` for all the others. ``no_policy`` is for a
            policy with something that does not come by the clock.
        LimitExceededError: it is longer, or has more or larger parts, than ``limits`` allows.
    """
    check_text(text)
    parsed = _parse(text, zone, now_ms, start_ms)
    recurrence: Recurrence
    if isinstance(parsed, Expression):
        recurrence = Cron.of(parsed, zone, gap, fold)
    elif gap or fold:
        raise MalformedError(
            f"expected a cron expression beside a policy for clock changes, found {text!r}; leave "
            "the policy out",
            code="no_policy",
        )
    else:
        recurrence = parsed
    if start_ms is None and end_ms is None:
        return recurrence
    return Bounded(recurrence, start_ms, end_ms)


def _parse(
    text: str, zone: ZoneInfo, now_ms: int, start_ms: int | None
) -> Expression | Interval | Once:
    """Return what *text* is; each form is known by how it begins."""
    plain = text.strip()
    if is_iso(plain):
        return parse_once(plain, zone, now_ms)
    every_ms = parse_iso_duration(plain)
    if every_ms is not None:
        return _interval(every_ms, now_ms, start_ms)
    if _HYPERBEAM.fullmatch(plain):
        return _interval(parse_hyperbeam_interval(plain), now_ms, start_ms)
    if _CRON.match(plain):
        return parse_expression(text)
    return _parse_phrase(text, zone, now_ms, start_ms)


def _parse_phrase(
    text: str, zone: ZoneInfo, now_ms: int, start_ms: int | None
) -> Expression | Interval | Once:
    words = Words.of(text)
    check_future(words)
    every = words.take("every", "each")
    if words.next == "-" and words.second.isdecimal():
        raise MalformedError(
            f"expected an interval above 0, found '-{words.second}'",
            code="bad_interval",
            offset=words.words[words.place].offset,
        )
    if words.next.isdecimal() and (every or is_unit(words.second)):
        every_ms = read_duration(words)
    elif every and is_unit(words.next) and words.next != "day":
        every_ms = read_one_unit(words)
    elif every or is_days(words.next, words.second):
        return parse_expression(read_days(words))
    else:
        return parse_once(text, zone, now_ms)
    words.expect_end()
    return _interval(every_ms, now_ms, start_ms)


def _interval(every_ms: int, now_ms: int, start_ms: int | None) -> Interval:
    """Return the interval from *start_ms* on; without one, the first time is an interval away."""
    return Interval(every_ms, now_ms + every_ms if start_ms is None else start_ms)
