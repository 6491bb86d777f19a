"""Cron by brute force: sets of values per field, and a look at every minute that a clock shows.

Shares no code with the product nor with the library that it uses. `Spec` is written beside each
expression that a test draws, so that nothing parses it twice.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

Weekday = int | tuple[int, int | str]


class Spec(NamedTuple):
    """What an expression means. Days are numbers, ``L`` or ``LW``; weekdays 0 to 7, or pairs."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int | str]
    months: frozenset[int]
    weekdays: frozenset[Weekday]
    both_days: bool

    def has_date(self, day: date) -> bool:
        """Return whether any time of *day* matches."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = self._has_day(day), self._has_weekday(day)
        return (by_day and by_weekday) if self.both_days else (by_day or by_weekday)

    def _has_day(self, day: date) -> bool:
        if day.day in self.days:
            return True
        last = monthrange(day.year, day.month)[1]
        workdays = [
            each for each in range(last - 2, last + 1) if day.replace(day=each).weekday() < 5
        ]
        return ("L" in self.days and day.day == last) or (
            "LW" in self.days and day.day == workdays[-1]
        )

    def _has_weekday(self, day: date) -> bool:
        last = monthrange(day.year, day.month)[1]
        for name in (day.isoweekday(), day.isoweekday() % 7):
            which = (day.day - 1) // 7 + 1
            if {name, (name, which)} & self.weekdays:
                return True
            if day.day > last - 7 and (name, "L") in self.weekdays:
                return True
        return False

    def times_from(self, start: datetime, days: int) -> Iterator[datetime]:
        """Yield every match from *start* (inclusive) on, for *days* days."""
        for step in range(days):
            day = start.date() + timedelta(days=step)
            if not self.has_date(day):
                continue
            for hour, minute, second in product(
                *map(sorted, (self.hours, self.minutes, self.seconds))
            ):
                found = datetime.combine(day, time(hour, minute, second))
                if found >= start:
                    yield found


class Minute(NamedTuple):
    """A minute as it passes: when it begins, what the clock shows, what it has skipped before."""

    instant_s: int
    wall: datetime
    skipped: tuple[datetime, ...]
    is_shown_twice: bool
    is_second: bool


def minutes(zone: ZoneInfo, start_s: int, end_s: int) -> list[Minute]:
    """Return every minute from *start_s* (inclusive) to *end_s* (exclusive), of Unix time."""
    found = []
    before = datetime.fromtimestamp(start_s - 60, zone).replace(tzinfo=None)
    for instant_s in range(start_s, end_s, 60):
        local = datetime.fromtimestamp(instant_s, zone)
        wall = local.replace(tzinfo=None, fold=0)
        jump = (wall - before) // timedelta(minutes=1)
        skipped = tuple(before + timedelta(minutes=each) for each in range(1, jump))
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        found.append(Minute(instant_s, wall, skipped, twice, local.fold == 1))
        before = wall.replace(fold=0)
    return found


def scan(passing: list[Minute], matches: Any, gap: GapPolicy, fold: FoldPolicy) -> list[int]:
    """Return when something fires of which *matches* says whether it is due at a local time."""
    fires = []
    for minute in passing:
        counts = (
            not minute.is_shown_twice
            or fold is FoldPolicy.BOTH
            or (fold is FoldPolicy.SECOND) == minute.is_second
        )
        late = gap is GapPolicy.AFTER and any(map(matches, minute.skipped))
        if late or (counts and matches(minute.wall)):
            fires.append(minute.instant_s)
    return fires


def instant_s(moment: datetime) -> int:
    """Return the Unix time of a moment in UTC."""
    return int(moment.replace(tzinfo=UTC).timestamp())


@st.composite
def expressions(draw: st.DrawFn, *, shared: bool = False) -> tuple[str, Spec]:
    """Draw an expression of five or six fields, and what it means.

    With *shared*, only of what croniter reads as Vixie cron does.
    """
    second = draw(st.none() | _field(0, 59, shared=shared))
    minute, hour = draw(_field(0, 59, shared=shared)), draw(_field(0, 23, shared=shared))
    days = {"L": "L"} if shared else {"L": "L", "LW": "LW"}
    day = draw(_field(1, 31, specials=days, shared=shared))
    month = draw(_field(1, 12, names=MONTHS, shared=shared))
    if shared:
        weekday = draw(_field(0, 6, names=WEEKDAYS, shared=True))
    else:
        nth = {f"{name}#{week}": (name, week) for name in range(8) for week in range(1, 6)}
        last = {f"{name}L": (name, "L") for name in range(8)}
        weekday = draw(_field(0, 7, names=WEEKDAYS, specials=nth | last))
    fields = [each for each in (second, minute, hour, day, month, weekday) if each is not None]
    spec = Spec(
        frozenset({0}) if second is None else second[1],
        minute[1],
        hour[1],
        day[1],
        month[1],
        weekday[1],
        both_days=day[0].startswith("*") or weekday[0].startswith("*"),
    )
    return draw(st.sampled_from([" ", "\t", "  "])).join(text for text, _ in fields), spec


def _field(
    low: int,
    high: int,
    *,
    names: list[str] | None = None,
    specials: dict[str, Any] | None = None,
    shared: bool = False,
) -> st.SearchStrategy[tuple[str, frozenset[Any]]]:
    """Draw one field: its text, and the set of what it means."""
    step = st.integers(1, high)
    ends = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)

    def spelled(value: int) -> st.SearchStrategy[str]:
        named = names is not None and value - low < len(names)
        choices = [str(value), f"{value:02}"]
        if names is not None and named:
            choices += [names[value - low], names[value - low].upper()]
        return st.sampled_from(choices)

    @st.composite
    def ranged(draw: st.DrawFn) -> tuple[str, set[Any]]:
        first, last = draw(ends)
        if first == last and shared:  # croniter takes `1-1` for `*`
            return str(first), {first}
        text = f"{draw(spelled(first))}-{draw(spelled(last))}"
        if not draw(st.booleans()):
            return text, set(range(first, last + 1))
        every = draw(step)
        return f"{text}/{every}", set(range(first, last + 1, every))

    @st.composite
    def single(draw: st.DrawFn) -> tuple[str, set[Any]]:
        value = draw(st.integers(low, high))
        if not shared and draw(st.integers(0, 3)) == 0:
            every = draw(step)
            return f"{value}/{every}", set(range(value, high + 1, every))
        return draw(spelled(value)), {value}

    starred = st.one_of(
        st.just(("*", set(range(low, high + 1)))),
        step.map(lambda every: (f"*/{every}", set(range(low, high + 1, every)))),
    )
    items: list[st.SearchStrategy[tuple[str, set[Any]]]] = [starred, single(), ranged()]
    if specials:
        items.append(
            st.sampled_from(sorted(specials.items())).map(lambda each: (each[0], {each[1]}))
        )
    several = st.lists(st.one_of(items), min_size=1, max_size=3)
    return st.one_of(starred, several.map(_joined)).map(lambda each: (each[0], frozenset(each[1])))


def _joined(items: list[tuple[str, set[Any]]]) -> tuple[str, set[Any]]:
    return ",".join(text for text, _ in items), set().union(*(values for _, values in items))
