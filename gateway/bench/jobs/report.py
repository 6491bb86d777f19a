"""The report: figures out of what the rounds have found, and who took part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import Any, Final, NamedTuple

from seriatim.gateway.bench.figure import Aim, Figure, Part, Sample
from seriatim.gateway.bench.jobs.contender import Contender, Twin
from seriatim.gateway.bench.jobs.findings import Found
from seriatim.gateway.bench.jobs.measure import CALLERS

JOBS_AIM: Final = 5_000.0
PEER_AIM: Final = Aim(3.0)
PICK_UP_AIM: Final = Aim(1.0, is_most=True)


class Outcome(StrEnum):
    """What became of a contender."""

    MEASURED = "measured"
    LEFT_OUT = "left out"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A contender, and what became of it.

    Attributes:
        contender: who.
        outcome: what became of it.
        reason: why it was not measured, in one line: what to install, or what has failed.
        rounds: what was found, one per round; none unless it was measured.
    """

    contender: Contender
    outcome: Outcome
    reason: str | None = None
    rounds: Sequence[Found] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain JSON values; the shape is in ``docs/performance.md``."""
        return {
            "name": self.contender.name,
            "version": self.contender.version(),
            "is_ours": self.contender.is_ours,
            "durability": self.contender.durability,
            "servers": [server.name for server in self.contender.servers],
            "outcome": self.outcome.value,
            "reason": self.reason,
            "ran_again": sum(found.again for found in self.rounds),
        }

    def to_line(self) -> str:
        """Return it as a line for people."""
        name = " ".join(filter(None, (self.contender.name, self.contender.version())))
        if self.outcome is not Outcome.MEASURED:
            return f"{name}: {self.outcome.value}: {self.reason}"
        again = sum(found.again for found in self.rounds)
        return f"{name}: {self.contender.durability}" + (f"; ran {again} again" if again else "")


class _Measure(NamedTuple):
    """What contenders are compared by.

    Attributes:
        name: of the figure, after the contender's.
        unit: of the values; of milliseconds, less is better.
        take: the sample of one round, and of how many jobs it is.
        callers: of a rate of jobs, how many; 0 for what is held against no ceiling.
        aim: of ours against the best peer.
    """

    name: str
    unit: str
    take: Callable[[Found], tuple[Sample, int]]
    callers: int = 0
    aim: Aim | None = None


_MANY: Final = f"{CALLERS} callers"
_MEASURES: Final = (
    _Measure(
        "jobs, 1 caller", "jobs/s", lambda found: (found.one.jobs, found.one.total), 1, PEER_AIM
    ),
    _Measure(
        f"jobs, {_MANY}",
        "jobs/s",
        lambda found: (found.many.jobs, found.many.total),
        CALLERS,
        PEER_AIM,
    ),
    _Measure("calls, 1 caller", "calls/s", lambda found: (found.one.calls, found.one.total)),
    _Measure(f"calls, {_MANY}", "calls/s", lambda found: (found.many.calls, found.many.total)),
    _Measure(
        "pick-up p50",
        "ms",
        lambda found: (_milliseconds(found.pick_up.p50_us), found.paced_total),
        aim=PICK_UP_AIM,
    ),
    _Measure(
        "pick-up p99",
        "ms",
        lambda found: (_milliseconds(found.pick_up.p99_us), found.paced_total),
    ),
)


def make_figures(
    results: Sequence[Result], ceilings: Mapping[int, Sequence[Sample]]
) -> list[Figure]:
    """Return what was measured: each value beside the best peer's, and rates beside the ceiling's.

    Args:
        results: of all contenders.
        ceilings: by number of callers, one sample per round.
    """
    measured = [result for result in results if result.outcome is Outcome.MEASURED]
    return [
        figure
        for measure in _MEASURES
        for result in measured
        for figure in _lines(result, measure, measured, ceilings)
    ]


def _lines(
    result: Result,
    measure: _Measure,
    measured: Sequence[Result],
    ceilings: Mapping[int, Sequence[Sample]],
) -> list[Figure]:
    """Return the lines of *result* by *measure*: beside the best peer, the ceiling, the aim."""
    lines = []
    is_ours = result.contender.is_ours
    if best := _best_peer(measured, measure):
        against = _samples(best, measure)
        aim = measure.aim if is_ours else None
        name = f"best peer: {best.contender.name}"
        lines.append(_line(result, measure, name, against, aim))
    if measure.callers:
        against = list(ceilings[measure.callers])
        lines.append(_line(result, measure, "LMDB group commit", against))
    if measure.callers and is_ours:
        against = [Sample(JOBS_AIM)] * len(result.rounds)
        lines.append(_line(result, measure, f"{JOBS_AIM:,.0f} jobs/s", against, Aim(1.0)))
    twin = result.contender.twin
    if twin is not None and measure.aim is not None:
        of = next((each for each in measured if each.contender.name == twin.name), None)
        if of is not None:
            lines.append(_beside_twin(result, measure, of, twin))
    return lines


def _beside_twin(result: Result, measure: _Measure, of: Result, twin: Twin) -> Figure:
    """Return what *result* has found, by round, in parts of what its twin *of* has in the same.

    So the median is that of the rounds' ratios, which is steadier than the ratio of two medians.
    """
    pairs = zip(_samples(result, measure), _samples(of, measure), strict=True)
    return replace(
        _line(result, measure, f"{twin.name}, by round", [Sample(1.0)] * len(result.rounds)),
        unit="times",
        samples=[Sample(own.value / others.value) for own, others in pairs],
        aim=twin.jobs if measure.callers else twin.pick_up,
    )


def _line(
    result: Result,
    measure: _Measure,
    ceiling_name: str,
    ceilings: Sequence[Sample],
    aim: Aim | None = None,
) -> Figure:
    return Figure(
        part=Part.JOBS,
        name=f"{result.contender.name}: {measure.name}",
        unit=measure.unit,
        samples=_samples(result, measure),
        ceiling_name=ceiling_name,
        ceilings=ceilings,
        n=max(measure.take(found)[1] for found in result.rounds),
        aim=aim,
    )


def _best_peer(measured: Sequence[Result], measure: _Measure) -> Result | None:
    """Return the peer whose median is the best; ``None`` without peers."""
    peers = [result for result in measured if not result.contender.is_ours]
    choose = min if measure.unit == "ms" else max
    return choose(peers, key=lambda peer: _median(peer, measure), default=None)


def _samples(result: Result, measure: _Measure) -> list[Sample]:
    return [measure.take(found)[0] for found in result.rounds]


def _median(result: Result, measure: _Measure) -> float:
    return median(sample.value for sample in _samples(result, measure))


def _milliseconds(latency_us: float | None) -> Sample:
    assert latency_us is not None, "a paced run has latencies"
    return Sample(latency_us / 1e3)
