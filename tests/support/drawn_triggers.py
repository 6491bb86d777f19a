"""Triggers of all kinds, drawn, and the nominal times of each within a month, by brute force.

Intervals are added up, single times are said twice, and cron times come of a look at each minute of
the month (`cron_oracle.py`): nothing here asks the product.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from seriatim.formats.recurrence.zone import FoldPolicy, GapPolicy
from tests.support.cron_oracle import Minute, Spec, minutes, scan
from tests.support.trigger_policy import Policy

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Lord Howe and Sydney go forward on the 4th of October, Paris back on the 25th, New York on the 1st
# of November.
START_MS = int(datetime(2026, 10, 2, tzinfo=UTC).timestamp()) * 1000
END_MS = int(datetime(2026, 11, 2, 12, tzinfo=UTC).timestamp()) * 1000
ZONES = ("Europe/Paris", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "UTC")

# An interval may be ahead of a clock that was put back.
AHEAD_UNTIL_MS = END_MS + 10 * DAY_MS

Times = Callable[[int], Sequence[int]]
"""Given when a trigger was defined, returns its nominal times from then on, within the month."""

ElapsedFrom = Callable[[int], int | None]
"""Given that, returns from when on elapsed time alone leads to its next time, if ever."""

Drawn = tuple[dict[str, str], Times, ElapsedFrom]


class DrawnTrigger(NamedTuple):
    """A trigger to be defined, and what is to become of it.

    Attributes:
        fields: what defines it.
        times: see `Times`.
        elapsed_from: see `ElapsedFrom`.
        policy: what becomes of late ones.
        is_modelled: whether nothing but the time decides which of them fire.
    """

    fields: Mapping[str, Any]
    times: Times
    elapsed_from: ElapsedFrom
    policy: Policy
    is_modelled: bool


def _spec(minute: int, hours: set[int], **days: Any) -> Spec:
    return Spec(
        seconds=frozenset({0}),
        minutes=frozenset({minute}),
        hours=frozenset(hours),
        days=frozenset(days.get("days", range(1, 32))),
        months=frozenset(range(1, 13)),
        weekdays=frozenset(days.get("weekdays", range(7))),
        both_days=not ("days" in days and "weekdays" in days),
    )


# What is written, what it means, and how often it is drawn.
CALENDAR: Sequence[tuple[str, Spec, int]] = (
    ("30 2 * * *", _spec(30, {2}), 1),
    ("0 */8 * * *", _spec(0, {0, 8, 16}), 1),
    ("30 2 * * sun", _spec(30, {2}, weekdays={0}), 10),
    ("15 1 4,25 * *", _spec(15, {1}, days={4, 25}), 10),
    ("0 0 L * *", _spec(0, {0}, days={"L"}), 10),
    ("5 4 * * mon#1", _spec(5, {4}, weekdays={(1, 1)}), 10),
    ("0 0 13 * fri", _spec(0, {0}, days={13}, weekdays={5}), 10),
    ("@weekly", _spec(0, {0}, weekdays={0}), 10),
    ("weekdays at 18:30", _spec(30, {18}, weekdays=set(range(1, 6))), 1),
    ("every monday at noon", _spec(0, {12}, weekdays={1}), 10),
    ("daily at 9", _spec(0, {9}), 1),
)
# Milliseconds, some of the ways to write them, and how often they are drawn.
INTERVALS: Sequence[tuple[int, tuple[str, ...], int]] = (
    (45 * MINUTE_MS, ("every 45 minutes", "45-minutes", "PT45M"), 1),
    (7 * HOUR_MS, ("every 7 hours", "7h", "7-hours"), 6),
    (26 * HOUR_MS, ("26h", "P1DT2H", "1 day and 2 hours"), 40),
    (3 * DAY_MS, ("every 3 days", "3-days", "72 hours"), 200),
    (8 * DAY_MS, ("P8D", "every 1 week and 1 day"), 250),
)
# So many of the triggers that submit jobs have several times that are late together.
JOBS_OFTEN = 0.1
MISFIRES = {"once": 7 * DAY_MS, "all": DAY_MS, "skip": 0}
WINDOWS = {"2 hours": 2 * HOUR_MS, "30s": 30_000, "3 days": 3 * DAY_MS}


@cache
def _passing(zone: str) -> list[Minute]:
    return minutes(ZoneInfo(zone), START_MS // 1000, END_MS // 1000 + 60)


@cache
def _scan(zone: str, place: int, gap: str, fold: str) -> list[int]:
    spec = CALENDAR[place][1]
    is_day = cache(spec.has_date)

    def matches(wall: datetime) -> bool:
        if wall.minute not in spec.minutes or wall.hour not in spec.hours:
            return False
        return is_day(date(wall.year, wall.month, wall.day))

    found = scan(_passing(zone), matches, GapPolicy(gap), FoldPolicy(fold))
    return [instant_s * 1000 for instant_s in found]


def draw_trigger(
    random: Random, number: int, zones: Sequence[str], action: Mapping[str, Any]
) -> DrawnTrigger:
    """Return a trigger; *number* tells it from the others.

    Args:
        random: draws it.
        number: two of them are different.
        zones: whose clocks may be meant; with fewer it takes less time.
        action: the fields that say what it does.
    """
    draw = random.choices((_interval, _calendar, _once, _soon), (4, 4, 1, 1))[0]
    if "job" in action and random.random() < JOBS_OFTEN:
        draw = _often
    fields, times, elapsed_from = draw(random, zones)
    more, policy = _policy(random)
    overlap = {"overlap": "allow"} if {"function", "path"} & action.keys() else {}
    if overlap and random.random() < 0.3:
        overlap["overlap"] = random.choice(["queue", "skip", "cancel"])
    is_named = "process" not in action or random.random() < 0.5
    own = {"name": f"trigger {number}"} if is_named else {"message": {"number": number}}
    said = {**fields, **more, **own, **action, **overlap}
    is_modelled = overlap.get("overlap", "allow") == "allow"
    return DrawnTrigger(said, times, elapsed_from, policy, is_modelled)


def _policy(random: Random) -> tuple[dict[str, str], Policy]:
    misfire = random.choice([*MISFIRES])
    fields, window_ms, jitter_ms = {"misfire": misfire}, MISFIRES[misfire], 0
    if misfire != "skip" and random.random() < 0.5:
        text, window_ms = random.choice([*WINDOWS.items()])
        fields["window"] = text
    if random.random() < 0.2:
        fields["jitter"], jitter_ms = "10 minutes", 10 * MINUTE_MS
    return fields, Policy(misfire, window_ms, jitter_ms)


def _interval(random: Random, zones: Sequence[str]) -> Drawn:
    every_ms, texts, _ = random.choices(INTERVALS, [each[2] for each in INTERVALS])[0]
    fields = {"when": random.choice(texts)}
    kind = random.random()
    if kind < 0.4:
        return fields, lambda at_ms: range(at_ms + every_ms, AHEAD_UNTIL_MS, every_ms), _at_once
    if kind < 0.6:
        fields["start"] = "now"
        return fields, lambda at_ms: range(at_ms, AHEAD_UNTIL_MS, every_ms), lambda at_ms: at_ms - 1
    # Long ago, or in some days; what is before the definition is none of it.
    start_ms = START_MS + random.randrange(-40 * DAY_MS, 10 * DAY_MS)
    end_ms = AHEAD_UNTIL_MS
    if random.random() < 0.5:
        end_ms = START_MS + random.randrange(22 * DAY_MS, 30 * DAY_MS)
        fields["end"] = _iso(end_ms)
    fields["start"] = _iso(start_ms)

    def times(defined_ms: int) -> Sequence[int]:
        every = range(start_ms, end_ms, every_ms)
        return every[bisect_right(every, defined_ms) :]

    return fields, times, lambda _: start_ms


def _often(random: Random, zones: Sequence[str]) -> Drawn:
    every_ms = 7 * HOUR_MS
    fields = {"when": "every 7 hours"}
    return fields, lambda at_ms: range(at_ms + every_ms, AHEAD_UNTIL_MS, every_ms), _at_once


def _calendar(random: Random, zones: Sequence[str]) -> Drawn:
    places = range(len(CALENDAR))
    place = random.choices(places, [CALENDAR[each][2] for each in places])[0]
    text, zone = CALENDAR[place][0], random.choice(zones)
    fields = {"when": text, "tz": zone}
    follows_elapsed = "*/" in text
    gap, fold = ("skip", "both") if follows_elapsed else ("after", "first")
    if random.random() < 0.3:
        gap, fold = random.choice(["after", "skip"]), random.choice(["first", "second", "both"])
        fields |= {"gap": gap, "fold": fold}
    found = _scan(zone, place, gap, fold)
    start_ms = 0
    if random.random() < 0.2:
        start_ms = START_MS + random.randrange(-5 * DAY_MS, 10 * DAY_MS)
        fields["start"] = _iso(start_ms)

    def times(defined_ms: int) -> Sequence[int]:
        first = bisect_left(found, start_ms)
        return found[max(first, bisect_right(found, defined_ms)) :]

    return fields, times, _never


def _once(random: Random, zones: Sequence[str]) -> Drawn:
    at_s = START_MS // 1000 + random.randrange(11 * DAY_MS, 30 * DAY_MS) // 1000
    if random.random() < 0.5:
        return {"when": _iso(at_s * 1000)}, lambda defined_ms: [at_s * 1000], _never
    zone = random.choice(zones)
    local = datetime.fromtimestamp(at_s, ZoneInfo(zone)).replace(hour=12, minute=7, second=1)
    noon_ms = int(local.timestamp()) * 1000
    fields = {"when": f"{local:%Y-%m-%d %H:%M:%S}", "tz": zone}
    return fields, lambda defined_ms: [noon_ms], _never


def _soon(random: Random, zones: Sequence[str]) -> Drawn:
    hours = random.randrange(11 * 24, 20 * 24)
    fields = {"when": f"in {hours} hours"}
    return fields, lambda defined_ms: [defined_ms + hours * HOUR_MS], _at_once


def _at_once(defined_ms: int) -> int:
    return defined_ms


def _never(_defined_ms: int) -> None:
    return None


def _iso(instant_ms: int) -> str:
    return datetime.fromtimestamp(instant_ms / 1000, UTC).isoformat(timespec="milliseconds")
