"""A cron expression in a time zone: local times of the library, our policies for gaps and folds.

The library computes within one stretch of constant offset; where two of them meet, the policies say
what counts. Its own rules for zones are not used: they are Debian's, and cannot be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from seriatim.formats.limits import INSTANT_MAX_MS
from seriatim.formats.recurrence.expression import Expression
from seriatim.formats.recurrence.zone import (
    MARGIN_S,
    FoldPolicy,
    GapPolicy,
    offset_at,
    stretch_at,
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The times at which clocks in *zone* show a match of *expression*."""

    expression: Expression
    zone: ZoneInfo
    gap: GapPolicy
    fold: FoldPolicy

    @classmethod
    def of(
        cls,
        expression: Expression,
        zone: ZoneInfo,
        gap: GapPolicy | None = None,
        fold: FoldPolicy | None = None,
    ) -> Cron:
        """Return *expression* in *zone*, with Debian's policies where none are given.

        An expression with a star in minute or hour follows elapsed time: it skips a clock gap and
        fires in both passes of a clock fold. Any other fires once for each time that it names:
        after the gap, and in the first pass.

        Source:
            cron(8) of Debian, "Daylight Saving Time and other time changes"; there for changes of
            less than three hours, here for all.
        """
        elapsed = expression.follows_elapsed_time
        return cls(
            expression,
            zone,
            gap or (GapPolicy.SKIP if elapsed else GapPolicy.AFTER),
            fold or (FoldPolicy.BOTH if elapsed else FoldPolicy.FIRST),
        )

    @property
    def elapsed_from_ms(self) -> None:
        """See `Recurrence`: the calendar says when it is due."""

    def after(self, instant_ms: int) -> int | None:
        """See `Recurrence`; nominal times are whole seconds from 1970 to ``INSTANT_MAX_MS``."""
        if instant_ms >= INSTANT_MAX_MS:
            return None
        due_s = self._after(max(instant_ms // 1000, -1))
        return None if due_s is None or due_s * 1000 > INSTANT_MAX_MS else due_s * 1000

    def is_shifted(self, nominal_ms: int) -> bool:
        """Return whether the clock shows no match at this nominal time: it was in a clock gap."""
        nominal_s = nominal_ms // 1000
        return not self.expression.is_match(nominal_s + offset_at(self.zone, nominal_s))

    def _after(self, instant_s: int) -> int | None:
        """Return the first nominal time strictly after *instant_s*, in seconds.

        Walks from stretch to stretch; over those that are too early for the next match it jumps.
        """
        stretch = stretch_at(self.zone, instant_s)
        while True:
            first_s, last_s = stretch.wall_range(self.fold)
            wall_s = self.expression.first_after(max(instant_s + stretch.offset_s, first_s - 1))
            if wall_s is None:
                return None
            if wall_s < last_s:
                return wall_s - stretch.offset_s
            if self.gap is GapPolicy.AFTER and stretch.has_in_gap(wall_s):
                return stretch.end_s
            instant_s = stretch.end_s - 1
            if stretch.offset_after_s >= stretch.offset_s:
                # Nothing is shown again, so nothing matches until shortly before this match.
                instant_s = max(instant_s, wall_s - stretch.offset_s - MARGIN_S)
            stretch = stretch_at(self.zone, instant_s + 1)
