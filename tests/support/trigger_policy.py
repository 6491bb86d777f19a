"""What becomes of nominal times, said once more: of a list, by the words of the documentation.

Shares no code with the product but the hash that spreads fires, and the limit of what is late.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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


class Looks:
    """When a node has looked at its wall clock, which goes back sometimes."""

    def __init__(self, looks: Sequence[int]) -> None:
        """Take the times of the wall clock, in the order of the looks."""
        self._looks = looks
        back = [place + 1 for place, (one, two) in enumerate(pairwise(looks)) if two < one]
        self._ends = [*back, len(looks)]

    def first(self, due_ms: int, place: int) -> int:
        """Return the place of the first look at *due_ms* or later, from *place* on.

        That of the end where there is none.
        """
        for end in self._ends:
            if place < end:
                found = bisect_left(self._looks, due_ms, place, end)
                if found < end:
                    return found
                place = end
        return place

    def __len__(self) -> int:
        return len(self._looks)

    def __getitem__(self, place: int) -> int:
        return self._looks[place]


def foresee(
    policy: Policy, trigger: str, times: Sequence[int], cursor_ms: int, looks: Looks, place: int
) -> Iterator[Step]:
    """Yield what becomes of the nominal *times* after *cursor_ms*, by the looks from *place* on."""
    while (following := bisect_right(times, cursor_ms)) < len(times):
        due_ms = times[following] + _spread(policy, trigger, times[following])
        place = looks.first(due_ms, place)
        if place == len(looks):
            return
        now_ms = looks[place]
        due = []
        for nominal_ms in times[following:]:
            if nominal_ms + _spread(policy, trigger, nominal_ms) > now_ms:
                break  # nothing overtakes it
            due.append(nominal_ms)
        yield from _fates(policy, due, now_ms)
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
