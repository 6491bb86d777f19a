"""Intervals, single times, days in English, bounds and jitter: what each gives."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from time import tzset
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import INSTANT_MAX_MS
from seriatim.formats.recurrence.cron import Cron
from seriatim.formats.recurrence.expression import SHORTHANDS, parse_expression
from seriatim.formats.recurrence.interval import Interval, parse_duration, parse_hyperbeam_interval
from seriatim.formats.recurrence.once import Once, _ask_library, parse_instant
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.phrase import WEEKDAYS
from seriatim.formats.recurrence.recurrence import Bounded, jitter_of
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy, instant_of

PARIS = ZoneInfo("Europe/Paris")
NOW = "2026-11-20 16:30"  # a Friday
NOW_MS = parse_instant(NOW, PARIS)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
instants = st.integers(0, 2**42)


@pytest.mark.parametrize(
    ("text", "every_ms"),
    [
        ("5-minutes", 5 * MINUTE_MS),
        ("250-milliseconds", 250),
        ("1-Hour", HOUR_MS),
        ("2-DAYS", 48 * HOUR_MS),
        ("7-secondsabc", 7_000),
        ("every 5 minutes", 5 * MINUTE_MS),
        ("5 minutes", 5 * MINUTE_MS),
        ("every 90s", 90_000),
        ("each 2 hrs", 2 * HOUR_MS),
        ("1h30m", 90 * MINUTE_MS),
        ("Every 1 hour and 30 minutes", 90 * MINUTE_MS),
        ("1 day, 2 hours", 26 * HOUR_MS),
        ("2w", 14 * 24 * HOUR_MS),
        ("every minute", MINUTE_MS),
        ("every hour", HOUR_MS),
        ("PT5M", 5 * MINUTE_MS),
        ("pt1h30m", 90 * MINUTE_MS),
        ("P1DT12H", 36 * HOUR_MS),
        ("P2W", 14 * 24 * HOUR_MS),
    ],
)
def test_an_interval_is_read(text: str, every_ms: int) -> None:
    recurrence = parse_recurrence(text, PARIS, now_ms=NOW_MS)
    assert recurrence == Interval(every_ms, NOW_MS + every_ms)
    started = parse_recurrence(text, PARIS, now_ms=NOW_MS, start_ms=5)
    assert started.after(0) == 5, "its first time is its start"


def test_a_unit_of_hyperbeam_is_known_by_its_beginning() -> None:
    assert parse_hyperbeam_interval("3-hourglasses") == 3 * HOUR_MS


@given(st.integers(1, 10**9), instants, instants)
def test_an_interval_never_drifts(every_ms: int, start_ms: int, instant_ms: int) -> None:
    due_ms = Interval(every_ms, start_ms).after(instant_ms)
    assert due_ms is not None
    assert due_ms > instant_ms
    assert due_ms == start_ms or due_ms - instant_ms <= every_ms
    assert due_ms >= start_ms
    assert (due_ms - start_ms) % every_ms == 0


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("every monday at 9", "0 9 * * 1"),
        ("mondays at 9", "0 9 * * 1"),
        ("weekdays at 18:30", "30 18 * * 1-5"),
        ("every weekday at 18:30:15", "15 30 18 * * 1-5"),
        ("weekends at 10am", "0 10 * * 0,6"),
        ("daily at 9", "0 9 * * *"),
        ("every day at noon", "0 12 * * *"),
        ("daily midnight", "0 0 * * *"),
        ("Every Tue, Thu and Sat at 12am", "0 0 * * 2,4,6"),
        ("monday, wednesday, and friday at 12:15 pm", "15 12 * * 1,3,5"),
        ("mon-fri at 9", "0 9 * * 1,2,3,4,5"),
        ("every friday to monday at 7pm", "0 19 * * 5,6,0,1"),
    ],
)
def test_days_that_come_again_are_a_cron_expression(text: str, cron: str) -> None:
    expected = Cron.of(parse_expression(cron), PARIS)
    assert parse_recurrence(text, PARIS, now_ms=NOW_MS) == expected


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01 09:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01T09:00:30.250", "2026-12-01T09:00:30.250000+01:00"),
        ("2026-12-01t09:00z", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01 09:00-0500", "2026-12-01T15:00:00+01:00"),
        ("in 10 minutes", "2026-11-20T16:40:00+01:00"),
        ("in 1h30m", "2026-11-20T18:00:00+01:00"),
        ("in 2 days", "2026-11-22T16:30:00+01:00"),
        ("tomorrow at 9am", "2026-11-21T09:00:00+01:00"),
        ("tomorrow at 9", "2026-11-21T09:00:00+01:00"),
        ("9pm tomorrow", "2026-11-21T21:00:00+01:00"),
        ("at 9 tomorrow", "2026-11-21T09:00:00+01:00"),
        ("the day after tomorrow at noon", "2026-11-22T12:00:00+01:00"),
        ("today at 18:00", "2026-11-20T18:00:00+01:00"),
        ("in 2 days at 9am", "2026-11-22T09:00:00+01:00"),
        ("in 1 month at 9am", "2026-12-20T09:00:00+01:00"),
        ("saturday at 10", "2026-11-21T10:00:00+01:00"),
        ("next monday at 8:15", "2026-11-23T08:15:00+01:00"),
        ("friday at 18:00", "2026-11-27T18:00:00+01:00"),
        ("5pm on tuesday", "2026-11-24T17:00:00+01:00"),
        ("december 1 at 9am", "2026-12-01T09:00:00+01:00"),
        ("1st of december, 2027 at 9:30 pm", "2027-12-01T21:30:00+01:00"),
        ("tuesday december 1 at 9", "2026-12-01T09:00:00+01:00"),
        ("20 nov at 18:00", "2026-11-20T18:00:00+01:00"),
        ("20 nov at 9:00", "2027-11-20T09:00:00+01:00"),
        ("29 february at 10:00", "2028-02-29T10:00:00+01:00"),
        ("1 july at 9", "2027-07-01T09:00:00+02:00"),
    ],
)
def test_a_single_time_is_read(text: str, at: str) -> None:
    at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    once = parse_recurrence(text, PARIS, now_ms=NOW_MS)
    assert isinstance(once, Once)
    assert [once.after(at_ms - 1), once.after(at_ms)] == [at_ms, None]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("may", None),
        ("12", None),
        ("friday 32 at 9am", None),
        ("tomorrow at 25:00", None),
        ("tomorrow at 9", "2026-11-21 09:00"),
        ("friday at 10", "2026-11-27 10:00"),
        ("tomorrow at 9am EST", "2026-11-21 14:00"),
    ],
)
def test_the_library_for_dates_guesses(text: str, right: str | None) -> None:
    """Why it is asked for days only, once the time of day is read: alone it is wrong on these."""
    given = _ask_library(text, datetime.fromisoformat(NOW))
    assert given != (None if right is None else datetime.fromisoformat(right))


@given(st.dates(date(1990, 1, 1), date(2150, 1, 1)), st.sampled_from(sorted(WEEKDAYS)))
@settings(max_examples=50)
def test_a_weekday_is_the_next_one_from_whatever_day(today: date, name: str) -> None:
    now_ms = parse_instant(f"{today} 12:00", PARIS)
    at_ms = parse_recurrence(f"next {name.removesuffix('s')} at 9", PARIS, now_ms=now_ms).after(0)
    assert at_ms is not None
    found = datetime.fromtimestamp(at_ms / 1000, PARIS)
    assert found.isoweekday() % 7 == WEEKDAYS[name]
    assert 1 <= (found.date() - today).days <= 7


@given(st.dates(date(1990, 1, 1), date(2150, 1, 1)), st.dates(date(2024, 1, 1), date(2024, 12, 31)))
@settings(max_examples=50)
@example(date(2097, 1, 1), date(2024, 2, 29))
def test_a_day_of_a_month_is_the_next_one_that_there_is(today: date, day: date) -> None:
    """2024 has the 29th of February."""
    now_ms = parse_instant(f"{today} 12:00", PARIS)
    at_ms = parse_recurrence(f"{day:%B} {day.day} at 9", PARIS, now_ms=now_ms).after(0)
    following = (today + timedelta(days=each) for each in range(1, 366 * 8 + 1))
    expected = next(each for each in following if (each.month, each.day) == (day.month, day.day))
    assert at_ms is not None
    assert datetime.fromtimestamp(at_ms / 1000, PARIS).date() == expected


def test_the_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["tomorrow at 9am", "december 1 at 9am", "in 2 days at 9", "2026-12-01 09:00", "@daily"]
    found = []
    for zone in ("UTC", "Pacific/Kiritimati"):
        monkeypatch.setenv("TZ", zone)
        tzset()
        found.append([parse_recurrence(text, PARIS, now_ms=NOW_MS) for text in texts])
    monkeypatch.undo()
    tzset()
    assert found[0] == found[1]


@pytest.mark.parametrize("now_ms", [0, INSTANT_MAX_MS])
@pytest.mark.parametrize(
    "text", ["in 3650 days", "in 999 years at 9", "friday at 9", "1 jan at 9", "every 3650 days"]
)
def test_the_ends_of_time_are_no_surprise(text: str, now_ms: int) -> None:
    """A time there is one or none, or refused; no other error."""
    try:
        found = parse_recurrence(text, PARIS, now_ms=now_ms).after(now_ms)
    except MalformedError as error:
        found = error.offset
    assert found is None or found >= 0


@pytest.mark.parametrize("text", ["soon", "5", "tomorrow at 9am", "1h 2h"])
def test_what_is_no_duration_is_answered_with_durations(text: str) -> None:
    with pytest.raises(MalformedError, match=r"write durations like '30s', ") as caught:
        parse_duration(text)
    assert caught.value.code == "bad_time"


@pytest.mark.parametrize(
    ("text", "start_ms", "from_ms"),
    [
        ("every 10 minutes", None, 0),
        ("every 10 minutes", 500, 500),  # it starts at an instant that somebody has said
        ("in 10 minutes", None, 0),
        ("in 2 days at 9", None, None),
        ("1970-01-01T00:10:00Z", None, None),
        ("*/10 * * * *", None, None),
        ("*/10 * * * *", 500, None),
        ("weekdays at 9", None, None),
    ],
)
def test_elapsed_time_alone_leads_to_what_is_said_in_durations(
    text: str, start_ms: int | None, from_ms: int | None
) -> None:
    recurrence = parse_recurrence(text, PARIS, now_ms=0, start_ms=start_ms)
    assert recurrence.elapsed_from_ms == from_ms


def test_days_to_come_are_days_of_the_clock_and_durations_are_not() -> None:
    now_ms = parse_instant("2026-03-28 09:00", PARIS)  # clocks are put forward that night
    assert parse_recurrence("in 1 day", PARIS, now_ms=now_ms) == Once(now_ms + 24 * HOUR_MS, now_ms)
    clock = parse_recurrence("tomorrow at 9", PARIS, now_ms=now_ms)
    assert clock == Once(now_ms + 23 * HOUR_MS)
    interval = parse_recurrence("every 24 hours", PARIS, now_ms=now_ms)
    assert interval.after(now_ms) == now_ms + 24 * HOUR_MS


def test_a_single_time_in_a_gap_is_its_end_and_in_a_fold_the_first() -> None:
    assert parse_instant("2026-03-29 02:30", PARIS) == parse_instant("2026-03-29 01:00Z", PARIS)
    assert parse_instant("2026-10-25 02:30", PARIS) == parse_instant("2026-10-25 00:30Z", PARIS)


@given(st.integers(0, 10**10))
def test_an_instant_comes_back_from_what_a_clock_shows(instant_s: int) -> None:
    wall = datetime.fromtimestamp(instant_s, PARIS)
    again = instant_of(PARIS, wall.replace(tzinfo=None, fold=0))
    assert again == instant_s - (HOUR_MS // 1000 if wall.fold else 0)


@pytest.mark.parametrize("name", SHORTHANDS)
def test_a_shorthand_is_what_it_stands_for(name: str) -> None:
    assert parse_expression(f" {name.upper()} ") == parse_expression(SHORTHANDS[name])


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 15 * fri", [3, 10, 15, 17, 24, 31]),
        ("0 0 */10 * fri", [31]),
        ("0 0 1,11,21,31 * fri", [1, 3, 10, 11, 17, 21, 24, 31]),
        ("0 0 15 * */5", []),
        ("0 0 L * *", [31]),
        ("0 0 LW * *", [31]),
        ("0 0 * * mon#2", [13]),
        ("0 0 * * 5L", [31]),
        ("0 0 1 * friL", [1, 31]),
    ],
)
def test_either_day_may_match_unless_one_begins_with_a_star(text: str, days: list[int]) -> None:
    """In July 2026, which ends on a Friday."""
    cron = Cron.of(parse_expression(text), ZoneInfo("UTC"))
    start = datetime(2026, 7, 1, tzinfo=UTC)
    found = []
    due_ms = cron.after(round(start.timestamp() * 1000) - 1)
    while due_ms is not None and due_ms < (start + timedelta(days=31)).timestamp() * 1000:
        found.append(datetime.fromtimestamp(due_ms / 1000, UTC).day)
        due_ms = cron.after(due_ms)
    assert found == days


@pytest.mark.parametrize("text", ["5-5/15 * * * *", "0 7-7/3 * * *"])
def test_a_range_of_one_value_with_a_step_is_that_value(text: str) -> None:
    """The library takes it for a step without a range, which goes on to the end."""
    first, second, *_ = parse_expression(text).text.split()[1:]
    assert "/" not in first + second


def test_default_policies_are_those_of_debian() -> None:
    fixed, often = parse_expression("30 2 * * *"), parse_expression("30 */2 * * *")
    assert Cron.of(fixed, PARIS) == Cron(fixed, PARIS, GapPolicy.AFTER, FoldPolicy.FIRST)
    assert Cron.of(often, PARIS) == Cron(often, PARIS, GapPolicy.SKIP, FoldPolicy.BOTH)
    other = Cron(fixed, PARIS, GapPolicy.SKIP, FoldPolicy.SECOND)
    assert Cron.of(fixed, PARIS, GapPolicy.SKIP, FoldPolicy.SECOND) == other


@given(st.none() | instants, st.none() | instants, instants)
def test_bounds_include_their_start_and_not_their_end(
    start_ms: int | None, end_ms: int | None, instant_ms: int
) -> None:
    every = Interval(1, 0)
    due_ms = Bounded(every, start_ms, end_ms).after(instant_ms)
    expected = max(instant_ms + 1, start_ms or 0)
    assert due_ms == (expected if end_ms is None or expected < end_ms else None)


def test_bounds_are_taken_with_the_text() -> None:
    start_ms, end_ms = NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS
    cron = parse_recurrence("30 * * * *", PARIS, now_ms=NOW_MS, start_ms=start_ms, end_ms=end_ms)
    assert cron.after(NOW_MS) == start_ms
    assert cron.after(start_ms) is None


@given(st.text(), instants, st.integers(0, 10**6))
def test_jitter_is_the_same_for_ever_and_within_its_bound(
    trigger: str, nominal_ms: int, jitter_ms: int
) -> None:
    late_ms = jitter_of(trigger, nominal_ms, jitter_ms=jitter_ms)
    assert late_ms == jitter_of(trigger, nominal_ms, jitter_ms=jitter_ms)
    assert 0 <= late_ms < max(jitter_ms, 1)


def test_jitter_is_spread_over_triggers_and_over_times() -> None:
    by_trigger = Counter(jitter_of(f"t{each}", 0, jitter_ms=10) for each in range(1_000))
    by_time = Counter(jitter_of("t", each, jitter_ms=10) for each in range(1_000))
    for counts in (by_trigger, by_time):
        assert set(counts) == set(range(10))
        assert max(counts.values()) < 150
    assert jitter_of("nightly", 1_774_602_000_000, jitter_ms=60_000) == 15_526


def test_times_rise_over_changes_of_the_clock() -> None:
    cron = Cron.of(parse_expression("*/30 * * * *"), PARIS)
    due_ms = parse_instant("2026-10-24", PARIS)
    found = [due_ms]
    for _ in range(100):
        following_ms = cron.after(due_ms)
        assert following_ms is not None
        due_ms = following_ms
        found.append(due_ms)
    assert {later - earlier for earlier, later in pairwise(found)} == {30 * MINUTE_MS}
