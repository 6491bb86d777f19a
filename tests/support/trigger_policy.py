"""What becomes of nominal times, said once more: of a list, by the words of the documentation.

Shares no code with the product but the hash that spreads fires, and the limit of what is late.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from seriatim.formats.limits import FIRE_LATE_MS
from seriatim.formats.recurrence.recurrence import jitter_of

FIRE = "fire"

Step = tuple[int, str]
"""A nominal time, and what becomes of it: `FIRE`, or why it is missed."""


@dataclass(frozen=True)
class Policy:
    """What becomes of nominal times that nobody looked at in time.

    Attributes:
        misfire: ``once``, ``all`` or ``skip``.
        window_ms: how late one may be.
        jitter_ms: over how much fires are spread.
    """

    misfire: str
    window_ms: int
    jitter_ms: int = 0


class Look(NamedTuple):
    """What the clocks of a node show at one moment.

    Attributes:
        wall_ms: its wall clock.
        passed_ms: since it was started.
    """

    wall_ms: int
    passed_ms: int


class Looks:
    """When a node has looked at its clocks; the wall clock goes back sometimes."""

    def __init__(self, looks: Sequence[Look]) -> None:
        """Take what they showed, in the order of the looks."""
        self._looks = looks
        self._walls = walls = [each.wall_ms for each in looks]
        back = [place + 1 for place, (one, two) in enumerate(pairwise(walls)) if two < one]
        self._ends = [*back, len(looks)]

    def first(self, due_ms: int, over_ms: int | None, place: int) -> int:
        """Return the place of the first look at *due_ms* or later, from *place* on.

        Or when *over_ms* had passed, if that was sooner. That of the end where there is none.
        """
        over = len(self._looks)
        if over_ms is not None:
            over = bisect_left(self._looks, over_ms, place, key=lambda look: look.passed_ms)
        for end in self._ends:
            if place < end:
                found = bisect_left(self._walls, due_ms, place, end)
                if found < end:
                    return min(found, over)
                place = end
        return min(place, over)

    def __len__(self) -> int:
        return len(self._looks)

    def __getitem__(self, place: int) -> Look:
        return self._looks[place]


class Begin(NamedTuple):
    """From where on it is foreseen what becomes of a trigger.

    Attributes:
        cursor_ms: what is decided by then.
        place: of the first look.
        clocks: what they showed when the node began to look.
        elapsed_from_ms: from when on nothing but elapsed time leads to the next time.
    """

    cursor_ms: int
    place: int
    clocks: Look
    elapsed_from_ms: int | None


def foresee(
    policy: Policy, trigger: str, times: Sequence[int], begin: Begin, looks: Looks
) -> Iterator[Step]:
    """Yield what becomes of the nominal *times* from *begin* on, by the *looks*."""
    cursor_ms, place, clocks, from_ms = begin
    is_first = True
    while (following := bisect_right(times, cursor_ms)) < len(times):
        is_elapsed = from_ms is not None and cursor_ms >= from_ms
        due_ms = times[following] + _spread(policy, trigger, times[following])
        # How late it is on purpose, a node finds out when it is due otherwise.
        for each_ms in (times[following], due_ms) if is_first else (due_ms,):
            left_ms = max(each_ms - max(clocks.wall_ms, cursor_ms), 0)
            over_ms = clocks.passed_ms + left_ms + left_ms // 10 if is_elapsed else None
            place = looks.first(each_ms, over_ms, place)
            if place == len(looks):
                return
            clocks = looks[place]
            if is_elapsed:
                clocks = Look(max(clocks.wall_ms, each_ms), clocks.passed_ms)
        is_first = False
        due = []
        for nominal_ms in times[following:]:
            if nominal_ms + _spread(policy, trigger, nominal_ms) > clocks.wall_ms:
                break  # nothing overtakes it
            due.append(nominal_ms)
        yield from _fates(policy, due, clocks.wall_ms)
        cursor_ms = due[-1]


def _fates(policy: Policy, due: Sequence[int], now_ms: int) -> Iterator[Step]:
    late = [each for each in due if now_ms - each > FIRE_LATE_MS + policy.jitter_ms]
    on_time = due[len(late) :]
    young = [each for each in late if now_ms - each <= policy.window_ms]
    if policy.misfire == "skip":
        yield from ((each, "late") for each in late)
    elif policy.misfire == "all":
        yield from ((each, FIRE if each in young else "too_old") for each in late)
    elif on_time:
        yield from ((each, "coalesced") for each in late)
    elif young:
        yield from ((each, "coalesced") for each in late[:-1])
        yield late[-1], FIRE
    else:
        yield from ((each, "too_old") for each in late)
    yield from ((each, FIRE) for each in on_time)


def _spread(policy: Policy, trigger: str, nominal_ms: int) -> int:
    return jitter_of(trigger, nominal_ms, jitter_ms=policy.jitter_ms) if policy.jitter_ms else 0
