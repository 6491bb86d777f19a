"""Counting what queues do: for metrics, from each slot once it is durable, and for nothing else.

A slot carries hundreds of jobs; so a job costs some additions here, and no look-up of a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

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

BOUNDS_BYTES: Final = tuple(2**power for power in range(24, 37))
"""The same of memory: from 16 MiB to 64 GiB."""


class Histogram:
    """How many values lay between which bounds."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[int]) -> None:
        """Count between *bounds*, which rise and are inclusive, and above the last one."""
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int) -> None:
        """Count *value*."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Tally:
    """What one queue has done since the node has started.

    Attributes:
        slots: how many slots it has written.
        events: how many jobs its slots have said what of, by the word for it: ``granted``, say.
        ended: how many jobs have ended, by state.
        waits: of jobs that have ended, from their submission to the beginning of their last
            attempt.
        runs: of these, from there to their end.
        cpu_ms: processor time of attempts that ran in OS processes of their own.
        memory: of these, the most that each had at once.
    """

    __slots__ = ("cpu_ms", "ended", "events", "memory", "runs", "slots", "waits")

    def __init__(self) -> None:
        self.slots = 0
        self.events: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.waits = Histogram(BOUNDS_MS)
        self.runs = Histogram(BOUNDS_MS)
        self.cpu_ms = 0
        self.memory = Histogram(BOUNDS_BYTES)

    def add(self, events: Sequence[Event], ended: Sequence[Job]) -> None:
        """Count a slot that says *events*, by which jobs have *ended*."""
        if not events:
            return
        self.slots += 1
        counts = self.events
        for event in events:
            word = event["event"]
            counts[word] = counts.get(word, 0) + (len(event["jobs"]) if "jobs" in event else 1)
            if known := event.get("outcome") or event.get("details"):
                self._add_usage(known.get("usage"))
        for job in ended:
            state = job.state.value
            self.ended[state] = self.ended.get(state, 0) + 1
            if job.started_ms:
                self.waits.add(job.started_ms - job.submitted_ms)
                self.runs.add(job.ended_ms - job.started_ms)

    def _add_usage(self, usage: Any) -> None:
        """Count what an attempt has used, as far as its worker says so in the words of `Usage`."""
        if not isinstance(usage, dict):
            return
        self.cpu_ms += _number(usage.get("cpu_ms"))
        if memory_bytes := _number(usage.get("memory_peak_bytes")):
            self.memory.add(memory_bytes)


def _number(said: Any) -> int:
    return said if type(said) is int and said > 0 else 0
