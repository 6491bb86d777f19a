"""What is refused, with which code, where, and what was expected there."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from seriatim.formats.errors import LimitExceededError, MalformedError
from seriatim.formats.limits import RECURRENCE_MAX_CHARS
from seriatim.formats.recurrence.interval import parse_hyperbeam_interval
from seriatim.formats.recurrence.once import parse_instant
from seriatim.formats.recurrence.parse import parse_recurrence
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from seriatim.formats.recurrence.zone_database import read_zone

PARIS = ZoneInfo("Europe/Paris")
NOW_MS = parse_instant("2026-11-20 16:30", PARIS)  # a Friday

# Text, code, offset, and what the sentence says of it.
TABLE: list[tuple[str, str, int, str]] = [
    # cron: how many fields
    ("* * * *", "bad_cron", 7, "found 4"),
    ("* * * * * * *", "bad_cron", 12, "found 7"),
    ("*", "bad_cron", 1, "found 1"),
    # values
    ("60 * * * *", "bad_cron", 0, "minute: expected a number from 0 to 59; found '60'"),
    ("0 24 * * *", "bad_cron", 2, "hour: expected a number from 0 to 23; found '24'"),
    ("0 0 0 * *", "bad_cron", 4, "day-of-month: expected a number from 1 to 31; found '0'"),
    ("0 0 * 13 *", "bad_cron", 6, "month: expected a number from 1 to 12 or a name from JAN to"),
    ("0 0 * 0 *", "bad_cron", 6, "found '0'"),
    ("0 0 * * 8", "bad_cron", 8, "day-of-week: expected a number from 0 to 7 or a name from SUN"),
    ("60 0 0 * * *", "bad_cron", 0, "second"),
    ("0 0 * janu *", "bad_cron", 6, "found 'JANU'"),
    ("0 0 * mon *", "bad_cron", 6, "found 'MON'"),
    ("  0\t0  *  *  x", "bad_cron", 13, "found 'X'"),
    ("* +5 * * *", "bad_cron", 2, "found '+5'"),
    ("* 1.5 * * *", "bad_cron", 2, "found '1.5'"),
    ("* 005 * * *", "bad_cron", 2, "found '005'"),
    ("0 0 ? * *", "bad_cron", 4, "expected *, which means any; found '?'"),
    # lists, ranges and steps
    ("1,,2 * * * *", "bad_cron", 2, "found nothing"),
    ("1,2, * * * *", "bad_cron", 4, "found nothing"),
    ("*,61 * * * *", "bad_cron", 2, "found '61'"),
    ("1- * * * *", "bad_cron", 2, "found nothing"),
    ("-5 * * * *", "bad_cron", 0, "found nothing"),
    ("9-5 * * * *", "bad_cron", 0, "a range that goes up; found '9-5'"),
    ("0 0 * * fri-sun", "bad_cron", 8, "5-7 for Friday to Sunday"),
    ("1-5-9 * * * *", "bad_cron", 2, "found '5-9'"),
    ("*/0 * * * *", "bad_cron", 2, "a step from 1 to 59; found '0'"),
    ("*/60 * * * *", "bad_cron", 2, "a step from 1 to 59; found '60'"),
    ("*/ * * * *", "bad_cron", 2, "found nothing"),
    ("*/2/3 * * * *", "bad_cron", 2, "found '2/3'"),
    ("0 */-1 * * *", "bad_cron", 4, "found '-1'"),
    ("** * * * *", "bad_cron", 0, "found '**'"),
    # L, LW and #
    ("0 0 1-L * *", "bad_cron", 6, "found 'L'"),
    ("0 0 L/2 * *", "bad_cron", 5, "no step behind L"),
    ("0 0 15W * *", "bad_cron", 4, "found '15W'"),
    ("0 0 * * L", "bad_cron", 8, "5L for the last Friday"),
    ("0 0 * * 8L", "bad_cron", 8, "found '8'"),
    ("0 0 * * mon#6", "bad_cron", 12, "a week of the month from 1 to 5; found '6'"),
    ("0 0 * * mon#0", "bad_cron", 12, "found '0'"),
    ("0 0 * * mon#", "bad_cron", 12, "found nothing"),
    ("0 0 * * #1", "bad_cron", 8, "found nothing"),
    ("0 0 * * 1-5#2", "bad_cron", 8, "found '1-5'"),
    ("L * * * *", "bad_cron", 0, "found 'L'"),
    # dates that never come
    ("0 0 31 2 *", "bad_cron", 4, "a day that one of the months has; found '31'"),
    ("0 0 30 2 *", "bad_cron", 4, "found '30'"),
    ("0 0 31 4,6 *", "bad_cron", 4, "found '31'"),
    ("0 0 30,31 feb *", "bad_cron", 4, "found '30,31'"),
    ("30 0 0 31 4,6,9,11 */2", "bad_cron", 7, "found '31'"),
    ("0 0 */20 * 0L", "bad_cron", 4, "never comes together"),
    # shorthands
    ("@reboot", "bad_cron", 0, "names no time"),
    (" @dayly", "bad_cron", 1, "try @daily"),
    ("@every 5m", "bad_cron", 0, "found '@every 5m'"),
    # intervals
    ("0-minutes", "bad_interval", 0, "above 0"),
    ("-5-minutes", "bad_interval", 0, "found ''"),
    ("five-minutes", "bad_interval", 0, "found 'five'"),
    ("1.5-hours", "bad_interval", 0, "found '1.5'"),
    ("every -5 minutes", "bad_interval", 6, "above 0"),
    ("-5 minutes", "bad_interval", 0, "above 0"),
    ("every 0 seconds", "bad_interval", 0, "above 0"),
    ("PT0S", "bad_interval", 0, "above 0"),
    ("every 2 months", "bad_time", 8, "a unit of fixed length"),
    ("every 5", "bad_time", 7, "a unit, such as minutes, found the end"),
    ("every 5 parsecs", "bad_time", 8, "found 'parsecs'"),
    ("30m1h", "bad_time", 4, "a shorter unit, found 'h'"),
    ("1h and", "bad_time", 6, "a whole number, found the end"),
    ("5 minutes please", "bad_time", 10, "nothing more, found 'please'"),
    ("every week", "bad_time", 6, "found 'week'"),
    # days that come again
    ("every", "bad_time", 5, "found the end"),
    ("every day", "bad_time", 9, "a time of day"),
    ("every noon", "bad_time", 6, "found 'noon'"),
    ("every monday at", "bad_time", 15, "a time of day"),
    ("every monday at 24", "bad_time", 16, "an hour from 0 to 23, found '24'"),
    ("every monday at 13pm", "bad_time", 16, "an hour from 1 to 12 before pm"),
    ("every monday at 0am", "bad_time", 16, "an hour from 1 to 12 before am"),
    ("every monday at 9:5", "bad_time", 18, "two digits"),
    ("every monday at 9:60", "bad_time", 18, "two digits from 00 to 59"),
    ("every monday, and at 9", "bad_time", 18, "found 'at'"),
    ("mondays at 9 and 10", "bad_time", 13, "found 'and'"),
    ("weekdays 9 o'clock", "bad_time", 11, "found 'o'"),
    # single times
    ("", "bad_time", 0, "found the end"),
    ("foo", "bad_time", 0, "found 'foo'"),
    ("may", "bad_time", 0, "a date or days"),
    ("12", "bad_time", 0, "a date or days"),
    ("9am", "bad_time", 0, "a date or days"),
    ("tomorrow", "bad_time", 8, "a time of day"),
    ("tomorrow at 9am UTC", "bad_time", 16, "found 'utc'"),
    ("tomorrow at nine", "bad_time", 12, "found 'nine'"),
    ("friday 32 at 9am", "bad_time", 0, "a date"),
    ("may at 9", "bad_time", 0, "a date"),
    ("31 February", "bad_time", 11, "a time of day"),
    ("31 February at 9", "bad_time", 0, "there is no '31 february'"),
    ("29 february 2027 at 9", "bad_time", 0, "there is no '29 february 2027'"),
    ("monday december 1 at 9", "bad_time", 0, "there is no 'monday december 1'"),
    ("2026-02-31 09:00", "bad_time", 0, "day"),
    ("2026-12-01", "bad_time", 10, "a time of day behind the date"),
    ("2026-12-01 9:00", "bad_time", 0, "2026-12-01 09:00"),
    ("2026-12-01T09:00+99:00", "bad_time", 0, "a time of day"),
    ("2026-12-01 24:30", "bad_time", 0, "hour"),
    ("1969-12-31T23:59:59Z", "bad_time", 0, "from 1970 to 9899"),
    ("9999-12-31T23:59:59Z", "bad_time", 0, "from 1970 to 9899"),
    ("in five minutes", "bad_time", 3, "a whole number"),
    ("in 5 minutes at 9", "bad_time", 5, "found 'minutes'"),
    # what is over
    ("yesterday", "past_time", 0, "'yesterday' is over"),
    ("yesterday at 9", "past_time", 0, "'yesterday' is over"),
    ("9am last friday", "past_time", 4, "'last' is over"),
    ("2 hours ago", "past_time", 8, "'ago' is over"),
    ("today at 9", "past_time", 0, "still to come"),
    ("2026-11-20 16:30", "past_time", 0, "still to come"),
    ("2020-01-01T00:00Z", "past_time", 0, "still to come"),
    # what no time is written with
    ("every 5 minutes\n", "bad_time", 15, "found '\\n'"),
    ("0 0 * * \u0661", "bad_time", 8, "ASCII"),
]


@pytest.mark.parametrize(("text", "code", "offset", "says"), TABLE, ids=[each[0] for each in TABLE])
def test_what_is_wrong_is_named_with_its_place(
    text: str, code: str, offset: int, says: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_recurrence(text, PARIS, now_ms=NOW_MS)
    assert (caught.value.code, caught.value.offset) == (code, offset)
    assert says in str(caught.value)


def test_a_phrase_that_is_not_understood_comes_with_three_examples() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_recurrence("foo", PARIS, now_ms=NOW_MS)
    examples = str(caught.value).split("'")[3::2]
    assert len(examples) == 3
    for example in examples:
        assert parse_recurrence(example, PARIS, now_ms=NOW_MS).after(NOW_MS)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *" + " " * RECURRENCE_MAX_CHARS,
        ",".join(["1"] * 61) + " * * * *",
        "every 9999999 days",
        "9999999999999999-days",
        "P99999W",
    ],
)
def test_what_passes_a_bound_is_refused(text: str) -> None:
    with pytest.raises(LimitExceededError):
        parse_recurrence(text, PARIS, now_ms=NOW_MS)


def test_the_longest_field_is_taken() -> None:
    text = ",".join(["1"] * 60) + " * * * *"
    assert len(text) == RECURRENCE_MAX_CHARS - 1
    assert parse_recurrence(text, PARIS, now_ms=NOW_MS).after(NOW_MS)


@pytest.mark.parametrize("text", ["5-fortnights", "5", "5-", "", "minutes-5"])
def test_an_interval_of_hyperbeam_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_hyperbeam_interval(text)
    assert caught.value.code == "bad_interval"


@pytest.mark.parametrize("text", ["5 minutes", "tomorrow at 9am", "2027-01-01 09:00"])
def test_a_policy_for_what_does_not_come_by_the_clock_is_refused(text: str) -> None:
    for policy in ({"gap": GapPolicy.SKIP}, {"fold": FoldPolicy.BOTH}):
        with pytest.raises(MalformedError) as caught:
            parse_recurrence(text, PARIS, now_ms=NOW_MS, **policy)
        assert caught.value.code == "no_policy"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Europe/Pariss", "Europe/Paris"),
        ("europe/paris", "Europe/Paris"),
        ("Berlin", "Europe/Berlin"),
        ("tokio", "Asia/Tokyo"),
        ("CEST", "CET"),
        ("", "IANA"),
        ("../../etc/passwd", "IANA"),
        ("right/UTC", "UTC"),
        ("Factory", "IANA"),
        ("x" * 10_000, "IANA"),
    ],
)
def test_a_zone_that_is_not_there_is_named_with_those_that_are_close(name: str, says: str) -> None:
    with pytest.raises(MalformedError, match=says) as caught:
        read_zone(name)
    assert caught.value.code == "unknown_zone"
    assert len(str(caught.value)) < 250
