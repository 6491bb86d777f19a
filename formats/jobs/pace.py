"""How fast jobs of a type may begin: the arithmetic of a rate.

A token bucket in one number: it holds ``jobs``, and gets one in ``per_ms / jobs``. So in any
stretch of *w* milliseconds at most ``jobs + w * jobs / per_ms`` jobs begin: in one of ``per_ms``
twice ``jobs``. A bound on every such stretch would need the times of as many jobs, in the head of
the queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seriatim.formats.jobs.settings import Rate


def pace(next_ms_scaled: int, now_ms: int, count: int) -> int:
    """Return from when the next job of a type counts, in milliseconds times *count*.

    By the generic cell rate algorithm: each job puts the next one off by ``per_ms / count``, and
    it may begin up to ``per_ms`` less one such step before. In whole numbers, so that every fold
    finds the same.
    """
    return max(next_ms_scaled, now_ms * count)


def next_pace(next_ms_scaled: int, now_ms: int, rate: Rate) -> int:
    """Return the pace after one more job has begun; see `pace`."""
    return pace(next_ms_scaled, now_ms, rate.jobs) + rate.per_ms


def kept_paces(
    paces: Mapping[str, int], before: Mapping[str, Rate], after: Mapping[str, Rate]
) -> dict[str, int]:
    """Return those of *paces* that hold when the rates *before* have become those *after*.

    A pace is counted in parts of its rate: another rate begins anew.
    """
    return {
        kind: value
        for kind, value in paces.items()
        if kind in after and after[kind] == before[kind]
    }


def free_from_ms(next_ms_scaled: int, rate: Rate) -> int:
    """Return from when (inclusive) *rate* lets a job begin, after jobs that have led to that pace.

    >>> from seriatim.formats.jobs.settings import Rate
    >>> first = pace(0, 1_000, 2) + 60_000  # one of two a minute has begun
    >>> free_from_ms(first, Rate(2, 60_000)) <= 1_000
    True
    >>> free_from_ms(pace(first, 1_000, 2) + 60_000, Rate(2, 60_000))
    31000
    """
    due = next_ms_scaled + rate.per_ms - rate.per_ms * rate.jobs
    return -(-due // rate.jobs)
