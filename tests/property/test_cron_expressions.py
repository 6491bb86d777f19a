"""Cron expressions: a drawn corpus against a scan, and against a second library."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import INSTANT_MAX_MS
from seriatim.formats.recurrence.cron import Cron
from seriatim.formats.recurrence.expression import parse_expression
from seriatim.formats.recurrence.recurrence import Recurrence
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from tests.support.cron_oracle import Spec, Weekday, expressions, instant_s

DAYS = 2 * 365
TIMES = 25
START = datetime.fromisoformat("2024-01-01")
NAMES = [
    "UTC",
    "Europe/Paris",
    "Africa/Casablanca",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
]
starts = st.integers(0, DAYS * 86_400).map(lambda each: START + timedelta(seconds=each))


def in_utc(text: str) -> Cron:
    return Cron.of(parse_expression(text), ZoneInfo("UTC"))


def times(recurrence: Recurrence, after_ms: int, count: int) -> list[int]:
    found: list[int] = []
    due_ms = recurrence.after(after_ms)
    while due_ms is not None and len(found) < count:
        found.append(due_ms)
        due_ms = recurrence.after(due_ms)
    return found


def check_against_scan(text: str, spec: Spec, start: datetime) -> None:
    expected = [instant_s(each) * 1000 for each in islice(spec.times_from(start, DAYS), TIMES)]
    end_ms = instant_s(start + timedelta(days=DAYS - 1)) * 1000
    try:
        cron = in_utc(text)
    except MalformedError:
        assert not any_date(spec), "refused, and it is possible"
        return
    given = times(cron, instant_s(start) * 1000 - 1, len(expected) + 1)
    assert given[: len(expected)] == expected
    if len(expected) < TIMES:
        assert all(each > end_ms - 86_400_000 for each in given[len(expected) :])


def any_date(spec: Spec) -> bool:
    """Whether any kind of month, in any kind of year, has a day that matches."""
    days = (date(2001, 1, 1) + timedelta(days=each) for each in range(28 * 366))
    return any(map(spec.has_date, days))


@pytest.mark.slow
@given(expressions(), starts)
@settings(max_examples=400)
@pytest.mark.long
def test_expressions_match_what_a_scan_of_two_years_finds(
    drawn: tuple[str, Spec], start: datetime
) -> None:
    check_against_scan(*drawn, start)


def test_a_star_rule_that_is_broken_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either day field would do, starred or not: what some take cron for."""
    spec = Spec(
        frozenset({0}),
        frozenset({0}),
        frozenset({0}),
        frozenset(range(1, 32, 2)),
        frozenset(range(1, 13)),
        frozenset({1}),
        both_days=True,
    )
    check_against_scan("0 0 */2 * mon", spec, START)
    monkeypatch.setattr(
        CronSim, "match_day", lambda self, day: self.match_dom(day) or self.match_dow(day)
    )
    with pytest.raises(AssertionError):
        check_against_scan("0 0 */2 * mon", spec, START)


@given(
    st.lists(st.integers(28, 31), min_size=1, max_size=2),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.sampled_from(["*", "*/2", "*/7", "mon#5", "*,0L"]),
)
def test_only_dates_that_never_come_are_refused(
    days: list[int], months: list[int], weekdays: str
) -> None:
    sets: dict[str, set[Weekday]] = {
        "*": set(range(8)),
        "*/2": {0, 2, 4, 6},
        "*/7": {0, 7},
        "mon#5": {(1, 5)},
        "*,0L": {*range(8), (0, "L")},
    }
    spec = Spec(
        frozenset({0}),
        frozenset({0}),
        frozenset({0}),
        frozenset(days),
        frozenset(months),
        frozenset(sets[weekdays]),
        weekdays.startswith("*"),
    )
    text = f"0 0 {','.join(map(str, days))} {','.join(map(str, months))} {weekdays}"
    if any_date(spec):
        assert in_utc(text).after(0) is not None
    else:
        with pytest.raises(MalformedError, match="day-of-month"):
            parse_expression(text)


@pytest.mark.slow
@given(expressions(shared=True), starts)
@settings(max_examples=150)
@example(("0 0 */2 * mon", None), START)
@example(("30 15 9 * * mon-fri", None), START)
def test_expressions_match_what_a_second_library_finds(
    drawn: tuple[str, Spec | None], start: datetime
) -> None:
    text, _ = drawn
    try:
        cron = in_utc(text)
    except MalformedError:
        assume(False)
        raise
    other = croniter(
        text,
        start.replace(tzinfo=UTC),
        second_at_beginning=True,
        implement_cron_bug=True,
        max_years_between_matches=60,
    )
    given = times(cron, instant_s(start) * 1000, 10)
    assert given == [int(other.get_next(float)) * 1000 for _ in given]


@pytest.mark.slow
@given(
    expressions(),
    st.sampled_from(NAMES),
    st.sampled_from(GapPolicy),
    st.sampled_from(FoldPolicy),
    starts,
    st.data(),
)
@settings(max_examples=150)
def test_times_rise_and_are_the_same_from_wherever_one_looks(
    drawn: tuple[str, Spec],
    name: str,
    gap: GapPolicy,
    fold: FoldPolicy,
    start: datetime,
    data: st.DataObject,
) -> None:
    try:
        cron = Cron(parse_expression(drawn[0]), ZoneInfo(name), gap, fold)
    except MalformedError:
        assume(False)
        raise
    after_ms = instant_s(start) * 1000
    found = times(cron, after_ms, 15)
    assert found == sorted(set(found))
    assert found == times(cron, after_ms, 15)
    for before_ms, due_ms in zip([after_ms, *found], found, strict=False):
        between_ms = data.draw(st.integers(before_ms, due_ms - 1))
        assert cron.after(between_ms) == due_ms


@pytest.mark.parametrize("text", ["* * * * *", "0 0 29 2 *", "0 0 * 2 mon#5", "0 0 1 1 *"])
def test_times_begin_with_1970_and_end_with_9899(text: str) -> None:
    cron = in_utc(text)
    first_ms = cron.after(-(10**15))
    assert first_ms is not None
    assert cron.after(INSTANT_MAX_MS) is None
    last = times(cron, INSTANT_MAX_MS - 60_000, 5)
    assert all(each <= INSTANT_MAX_MS for each in last)
