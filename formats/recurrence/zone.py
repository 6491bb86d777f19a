"""Time zones as stretches of constant offset, and what local times do where two of them meet.

A zone's clock jumps forward over a **clock gap**, local times that it never shows, and back over a
**clock fold**, local times that it shows twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from seriatim.formats.limits import ZONE_YEARS_CACHED_MAX

# Shorter than any stretch between two changes since 1970 (the shortest: a week, Recife in 2000);
# tests compare with all changes of every zone.
_PROBE_S: Final = 4 * 86_400

# No gap or fold is longer: clocks are at most a day apart, as Samoa's before and after 2011.
MARGIN_S: Final = 2 * 86_400


class GapPolicy(StrEnum):
    """What becomes of nominal times that fall into a clock gap."""

    AFTER = "after"
    """One fire at the end of the gap, however many times are in it."""
    SKIP = "skip"
    """None."""


class FoldPolicy(StrEnum):
    """What becomes of nominal times that a clock shows twice."""

    FIRST = "first"
    """A fire when the clock shows it first."""
    SECOND = "second"
    """A fire when the clock shows it again."""
    BOTH = "both"
    """Two fires."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant offset, as wide as it matters; seconds of Unix time.

    Attributes:
        start_s: its first second; the offset may have been the same before.
        end_s: the first second after it; the offset may stay the same.
        offset_s: local time less UTC.
        offset_before_s: the offset until *start_s*.
        offset_after_s: the offset from *end_s* on.
    """

    start_s: int
    end_s: int
    offset_s: int
    offset_before_s: int
    offset_after_s: int

    def wall_range(self, fold: FoldPolicy) -> tuple[int, int]:
        """Return the local times that count here: first (inclusive) and last (exclusive).

        A local time of a clock fold belongs to the stretch before, to the one after, or to both.
        """
        first = last = self.offset_s
        if fold is FoldPolicy.FIRST:
            first = max(first, self.offset_before_s)
        elif fold is FoldPolicy.SECOND:
            last = min(last, self.offset_after_s)
        return self.start_s + first, self.end_s + last

    def has_in_gap(self, wall_s: int) -> bool:
        """Return whether *wall_s* is in the clock gap at the end of this stretch."""
        return self.end_s + self.offset_s <= wall_s < self.end_s + self.offset_after_s


def stretch_at(zone: ZoneInfo, instant_s: int) -> Stretch:
    """Return the stretch of *zone* that holds *instant_s*.

    It ends at the next change of the offset or at the end of the year in UTC, and begins at the
    last change or two days before the year: far enough to know every gap and fold near the instant.
    """
    year = datetime.fromtimestamp(instant_s, UTC).year
    start_s, offset_s, changes = _changes(zone, year)
    offset_before_s = offset_s
    for change_s, offset_next_s in changes:
        if change_s > instant_s:
            return Stretch(start_s, change_s, offset_s, offset_before_s, offset_next_s)
        start_s, offset_before_s, offset_s = change_s, offset_s, offset_next_s
    return Stretch(start_s, _year_start_s(year + 1), offset_s, offset_before_s, offset_s)


def instant_of(zone: ZoneInfo, wall: datetime) -> int:
    """Return the instant (seconds) at which a clock in *zone* shows *wall*, which has no zone.

    In a clock fold, the first one; in a clock gap, the end of the gap.
    """
    instant_s = int(wall.replace(tzinfo=zone, fold=0).timestamp())
    if datetime.fromtimestamp(instant_s, zone).replace(tzinfo=None, fold=0) == wall:
        return instant_s
    # With the offset from before the gap, Python lands as far behind its end as wall is in it.
    return stretch_at(zone, instant_s).start_s


def offset_at(zone: ZoneInfo, instant_s: int) -> int:
    """Return local time less UTC, in seconds."""
    offset = datetime.fromtimestamp(instant_s, zone).utcoffset()
    assert offset is not None, "a ZoneInfo knows its offset"
    return offset.days * 86_400 + offset.seconds


def _year_start_s(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


@lru_cache(maxsize=ZONE_YEARS_CACHED_MAX)
def _changes(zone: ZoneInfo, year: int) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """Return a start, the offset at it, and each change (when, new offset) until after *year*."""
    start_s = at_s = _year_start_s(year) - MARGIN_S
    end_s = _year_start_s(year + 1) + MARGIN_S
    offset_start_s = offset_s = offset_at(zone, start_s)
    changes = []
    while at_s < end_s:
        next_s = min(at_s + _PROBE_S, end_s)
        offset_next_s = offset_at(zone, next_s)
        if offset_next_s != offset_s:
            changes.append((_change_between(zone, at_s, next_s), offset_next_s))
        at_s, offset_s = next_s, offset_next_s
    return start_s, offset_start_s, tuple(changes)


def _change_between(zone: ZoneInfo, low_s: int, high_s: int) -> int:
    """Return the first second with the offset of *high_s*; *low_s* has another one."""
    offset_s = offset_at(zone, high_s)
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if offset_at(zone, middle_s) == offset_s:
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s
