"""A figure beside its own ceiling, and the two measured in turns.

May live here: what a figure is, and how its values come about. Must not: what is measured.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any, Final, NamedTuple

PERCENT_99: Final = 0.99


class Part(StrEnum):
    """The parts of a run, by the letter that ``--only`` takes; jobs are a run of their own."""

    IN_PROCESS = "a"
    HTTP = "b"
    PAGES = "c"
    IDLE = "d"
    ENCODE = "e"
    COMPUTE = "f"
    TIMERS = "g"
    JOBS = "jobs"


class Sample(NamedTuple):
    """What one round found.

    Attributes:
        value: in the figure's unit.
        p50_us: median latency of one operation, where there is one; microseconds.
        p99_us: as above, the 99th percentile.
    """

    value: float
    p50_us: float | None = None
    p99_us: float | None = None


class Aim(NamedTuple):
    """What a figure's ratio to its ceiling is to be.

    Attributes:
        ratio: the bound, inclusive.
        is_most: the ratio is to be this at most (a latency, a size); otherwise at least.
    """

    ratio: float
    is_most: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        part: the part of the run.
        name: what was measured.
        unit: of both values.
        samples: one per round, in their order.
        ceiling_name: what it is held against.
        ceilings: one per round, each taken right before the sample of its round.
        n: operations per round.
        aim: where one is set.
    """

    part: Part
    name: str
    unit: str
    samples: Sequence[Sample]
    ceiling_name: str
    ceilings: Sequence[Sample]
    n: int
    aim: Aim | None = None

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(sample.value for sample in self.samples)

    @property
    def ceiling(self) -> float:
        """The ceiling's median over the rounds."""
        return median(sample.value for sample in self.ceilings)

    @property
    def ratio(self) -> float:
        """The figure over its ceiling."""
        return self.value / self.ceiling

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; ``None`` without one."""
        if self.aim is None:
            return None
        if self.aim.is_most:
            return self.ratio <= self.aim.ratio
        return self.ratio >= self.aim.ratio

    def to_plain(self) -> dict[str, Any]:
        """Return the figure as plain JSON values; the shape is in ``docs/performance.md``."""
        return {
            "part": self.part.value,
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "values": [sample.value for sample in self.samples],
            **latencies_to_plain("", self.samples),
            "ceiling_name": self.ceiling_name,
            "ceiling": self.ceiling,
            "ceilings": [sample.value for sample in self.ceilings],
            **latencies_to_plain("ceiling_", self.ceilings),
            "ratio": self.ratio,
            "aim": None if self.aim is None else self.aim.ratio,
            "aim_is_most": None if self.aim is None else self.aim.is_most,
            "met": self.met,
            "n": self.n,
            "rounds": len(self.samples),
        }


def latencies_to_plain(prefix: str, samples: Sequence[Sample]) -> dict[str, float | None]:
    """Return the medians of the rounds' latencies, ``None`` where there are none."""
    return {
        f"{prefix}p50_us": _median([sample.p50_us for sample in samples]),
        f"{prefix}p99_us": _median([sample.p99_us for sample in samples]),
    }


def make_sample(count: int, elapsed_ns: int, latencies_ns: list[int]) -> Sample:
    """Return the sample of *count* operations in *elapsed_ns*: their rate per second.

    Args:
        count: operations, 1 or more.
        elapsed_ns: from the first one's start to the last one's end.
        latencies_ns: of single operations, not empty; sorted in place.
    """
    latencies_ns.sort()
    last = len(latencies_ns) - 1
    return Sample(
        value=count * 1e9 / elapsed_ns,
        p50_us=latencies_ns[last // 2] / 1e3,
        p99_us=latencies_ns[int(last * PERCENT_99)] / 1e3,
    )


Say = Callable[[str], None]
"""Told what is being done now."""

Measure = Callable[[int], Awaitable[Sample]]
"""Takes one sample; told the number of its round, from 0."""


async def take_turns(
    rounds: int, measures: Mapping[str, Measure], say: Say
) -> dict[str, list[Sample]]:
    """Take *rounds* samples of each of *measures*, one of each per round, in their order.

    What disturbs the machine for a while disturbs a figure and its ceiling alike.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in measures}
    for number in range(rounds):
        for name, measure in measures.items():
            say(f"{name}, round {number + 1} of {rounds}")
            samples[name].append(await measure(number))
    return samples


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
