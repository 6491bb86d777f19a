"""Counting what queues do: for metrics, from each slot once it is durable, and for nothing else.

A slot carries hundreds of jobs; so a job costs some additions here, and no look-up of a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from seriatim.formats.jobs.fold import Event
    from seriatim.formats.jobs.job import Job

BOUNDS_MS: Final = (
    10,
    50,
    100,
    500,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    3_600_000,
    86_400_000,
)
"""Upper bounds (inclusive) of the times that are counted together."""


class Times:
    """How many times lay between which bounds."""

    __slots__ = ("counts", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.sum_ms = 0

    def add(self, time_ms: int) -> None:
        """Count *time_ms*."""
        self.counts[bisect_left(BOUNDS_MS, time_ms)] += 1
        self.sum_ms += time_ms


class Tally:
    """What one queue has done since the node has started.

    Attributes:
        slots: how many slots it has written.
        events: how many jobs its slots have said what of, by the word for it: ``granted``, say.
        ended: how many jobs have ended, by state.
        waits: of jobs that have ended, from their submission to the beginning of their last
            attempt.
        runs: of these, from there to their end.
    """

    __slots__ = ("ended", "events", "runs", "slots", "waits")

    def __init__(self) -> None:
        self.slots = 0
        self.events: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.waits = Times()
        self.runs = Times()

    def add(self, events: Sequence[Event], ended: Sequence[Job]) -> None:
        """Count a slot that says *events*, by which jobs have *ended*."""
        if not events:
            return
        self.slots += 1
        counts = self.events
        for event in events:
            word = event["event"]
            counts[word] = counts.get(word, 0) + (len(event["jobs"]) if "jobs" in event else 1)
        for job in ended:
            state = job.state.value
            self.ended[state] = self.ended.get(state, 0) + 1
            if job.started_ms:
                self.waits.add(job.started_ms - job.submitted_ms)
                self.runs.add(job.ended_ms - job.started_ms)
