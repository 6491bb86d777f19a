"""Every change of every zone's clock from 2024 to 2030, under every policy, against a scan.

The changes are found by looking at every third day, and what should happen by looking at each
minute: all of it without the product. `make check` tries each kind of change once, `make test` all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from seriatim.formats.recurrence.cron import Cron
from seriatim.formats.recurrence.expression import parse_expression
from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy, Stretch, offset_at, stretch_at
from seriatim.formats.recurrence.zone_database import zone_names
from tests.support.cron_oracle import Minute, minutes, scan

YEARS = range(2024, 2031)
DAY_S = 86_400
LOOK_S = 3 * DAY_S
START_S = int(datetime(YEARS[0], 1, 1, tzinfo=UTC).timestamp())
DAYS = (datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC) - datetime(YEARS[0], 1, 1, tzinfo=UTC)).days
POLICIES = list(product(GapPolicy, FoldPolicy))

Matches = Callable[[datetime], bool]


class Change(NamedTuple):
    """A change of a clock: the zone, and the minute (Unix seconds) from which it is."""

    zone: ZoneInfo
    at_s: int

    @property
    def before(self) -> timedelta:
        return local(self.zone, self.at_s - 60).utcoffset() or timedelta()

    @property
    def after(self) -> timedelta:
        return local(self.zone, self.at_s).utcoffset() or timedelta()

    @property
    def middle(self) -> datetime:
        """A local time in the middle of what is skipped or shown twice."""
        edge = datetime.fromtimestamp(self.at_s, UTC).replace(tzinfo=None)
        return edge + (self.before + self.after) / 2

    @property
    def kind(self) -> tuple[Any, ...]:
        """What distinguishes changes when no date is looked at."""
        return self.before, self.after, self.middle.time()


def local(zone: ZoneInfo, instant_s: int) -> datetime:
    return datetime.fromtimestamp(instant_s, zone)


@cache
def changes() -> tuple[Change, ...]:
    """Return all changes of all zones; of zones whose clocks are always the same, those of one."""
    found: dict[tuple[Any, ...], list[Change]] = {}
    for name in sorted(zone_names()):
        zone = ZoneInfo(name)
        looks = range(START_S, START_S + DAYS * DAY_S, LOOK_S)
        offsets = [local(zone, look_s).utcoffset() for look_s in looks]
        pairs = zip(looks, offsets, offsets[1:], strict=False)
        each = [Change(zone, _minute_of(zone, look_s)) for look_s, one, two in pairs if one != two]
        found[tuple((one.at_s, one.before, one.after) for one in each)] = each
    return tuple(change for each in found.values() for change in each)


def _minute_of(zone: ZoneInfo, look_s: int) -> int:
    """Return the first minute of another offset; there is one before the next look."""
    at_s, first = look_s, local(zone, look_s).utcoffset()
    for step_s in (3600, 60):
        while local(zone, at_s + step_s).utcoffset() == first:
            at_s += step_s
    return at_s + 60


def one_of_each_kind() -> list[Change]:
    return list({change.kind: change for change in changes()}.values())


def corpus(change: Change) -> Iterator[tuple[str, Matches]]:
    """Yield expressions for which the change matters, and what they mean."""
    hour, minute = change.middle.hour, change.middle.minute
    early = minute - min(minute, 7)
    yield f"{minute} {hour} * * *", lambda wall: (wall.hour, wall.minute) == (hour, minute)
    yield (
        f"{early},{minute} {hour} * * *",
        lambda wall: wall.hour == hour and wall.minute in (early, minute),
    )
    yield f"*/20 {hour} * * *", lambda wall: wall.hour == hour and wall.minute % 20 == 0
    yield "*/15 * * * *", lambda wall: wall.minute % 15 == 0
    yield "0 * * * *", lambda wall: wall.minute == 0
    yield "0 */2 * * *", lambda wall: wall.minute == 0 and wall.hour % 2 == 0
    yield "0 0 * * *", lambda wall: (wall.hour, wall.minute) == (0, 0)
    yield (
        f"{minute} {hour} * * {change.middle.isoweekday()}",
        lambda wall: (
            (wall.hour, wall.minute, wall.isoweekday())
            == (hour, minute, change.middle.isoweekday())
        ),
    )


def fires(cron: Cron, start_s: int, end_s: int) -> list[int]:
    """Return every nominal time from *start_s* (inclusive) to *end_s* (exclusive)."""
    found: list[int] = []
    due_ms = cron.after(start_s * 1000 - 1)
    while due_ms is not None and due_ms < end_s * 1000:
        found.append(due_ms // 1000)
        due_ms = cron.after(due_ms)
    return found


def check(change: Change) -> None:
    """Compare with a scan: every minute near the change, and the corpus over some hours."""
    span_s = abs(int((change.after - change.before).total_seconds()))
    near = minutes(change.zone, change.at_s - span_s - 600, change.at_s + span_s + 600)
    _compare(change.zone, near, "* * * * *", lambda _: True)
    wide = minutes(change.zone, change.at_s - 5 * 3600, change.at_s + 5 * 3600)
    for text, matches in corpus(change):
        _compare(change.zone, wide, text, matches)


def _compare(zone: ZoneInfo, passing: list[Minute], text: str, matches: Matches) -> None:
    expression = parse_expression(text)
    start_s, end_s = passing[0].instant_s, passing[-1].instant_s + 60
    for gap, fold in POLICIES:
        found = fires(Cron(expression, zone, gap, fold), start_s, end_s)
        assert found == scan(passing, matches, gap, fold), (zone.key, text, gap, fold)


def test_there_are_changes_of_every_sort() -> None:
    sizes = {change.after - change.before for change in changes()}
    assert {timedelta(hours=1), timedelta(hours=-1)} < sizes
    assert {timedelta(minutes=30), timedelta(minutes=-30)} < sizes, "Lord Howe"
    assert len({change.zone.key for change in changes()}) > 30
    assert any(
        change.middle.date() != (change.middle + change.after).date() for change in changes()
    )


@pytest.mark.slow
def test_each_kind_of_change_is_what_a_scan_finds_under_each_policy() -> None:
    for change in one_of_each_kind():
        check(change)


@pytest.mark.slow
@pytest.mark.long
def test_every_change_is_what_a_scan_finds_under_each_policy() -> None:
    for change in changes():
        check(change)


def _all_day(self: Stretch, fold: FoldPolicy) -> tuple[int, int]:
    return self.start_s + self.offset_s, self.end_s + self.offset_s


@pytest.mark.parametrize(
    ("method", "fault"),
    [("wall_range", _all_day), ("has_in_gap", lambda *_: False)],
)
def test_a_policy_that_is_broken_is_caught(
    monkeypatch: pytest.MonkeyPatch, method: str, fault: Callable[..., Any]
) -> None:
    monkeypatch.setattr(Stretch, method, fault)
    with pytest.raises(AssertionError):
        for change in one_of_each_kind():
            check(change)


def test_fixed_times_come_once_a_day_whatever_the_clock_does() -> None:
    """Under the default policies, around every change: no day is missed, none comes twice."""
    for change in changes():
        middle = change.middle
        for text in (f"{middle.minute} {middle.hour} * * *", "0 0 * * *"):
            cron = Cron.of(parse_expression(text), change.zone)
            found = fires(cron, change.at_s - 3 * DAY_S, change.at_s + 3 * DAY_S)
            # What falls into a gap before midnight fires at midnight, and is of the day before.
            days = [
                middle.date() if cron.is_shifted(each * 1000) else local(change.zone, each).date()
                for each in found
            ]
            count = (days[-1] - days[0]).days + 1
            expected = [days[0] + timedelta(days=day) for day in range(count)]
            assert days == expected, (change.zone.key, text)
            assert len(days) >= 5


@pytest.mark.slow
def test_stretches_are_all_that_a_look_at_each_day_finds() -> None:
    """No two changes are so near each other that looking for them misses both."""
    for change in changes():
        stretch = stretch_at(change.zone, change.at_s)
        assert stretch.start_s == change.at_s
        assert stretch_at(change.zone, change.at_s - 1).end_s == change.at_s
    for name in sorted(zone_names()):
        zone = ZoneInfo(name)
        for year in (1970, 1983, 2000, 2011, 2030, 2040, 2087):
            start_s = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
            stretch = stretch_at(zone, start_s)
            for instant_s in range(start_s, start_s + 365 * DAY_S, DAY_S):
                if instant_s >= stretch.end_s:
                    stretch = stretch_at(zone, instant_s)
                assert stretch.offset_s == offset_at(zone, instant_s), (name, instant_s)
