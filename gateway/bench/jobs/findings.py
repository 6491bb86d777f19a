"""What was found: from the moments of a run to rates and latencies. Arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, sub
from typing import NamedTuple

from seriatim.gateway.bench.figure import Sample, make_sample
from seriatim.gateway.bench.jobs.producer import Produced


class Rates(NamedTuple):
    """What a run as fast as possible has found.

    Attributes:
        total: how many jobs.
        jobs: jobs per second from end to end, and the latencies of the calls that enqueue them.
        calls: calls per second meanwhile, and the same latencies.
    """

    total: int
    jobs: Sample
    calls: Sample


class Found(NamedTuple):
    """What one round has found of one contender.

    Attributes:
        one: with one caller.
        many: with many callers at once.
        paced_total: how many jobs the paced run had.
        pick_up: jobs per second of the paced run, and how long each took to be picked up.
        again: runs of jobs beyond the first one of each.
    """

    one: Rates
    many: Rates
    paced_total: int
    pick_up: Sample
    again: int


def find_rates(produced: Produced, ran_ns: Sequence[int]) -> Rates:
    """Return the rates of a run, from before the first call to the beginning of the last function.

    Args:
        produced: the calls, by job.
        ran_ns: by job, when its function began; that of a no-op is over when it begins.
    """
    elapsed_ns = max(ran_ns) - min(produced.began_ns)
    jobs = make_sample(len(ran_ns), elapsed_ns, list(produced.took_ns))
    return Rates(len(ran_ns), jobs, sample_calls(produced))


def sample_calls(produced: Produced) -> Sample:
    """Return calls per second, from before the first one to the end of the last, and latencies."""
    ended_ns = max(map(add, produced.began_ns, produced.took_ns))
    elapsed_ns = ended_ns - min(produced.began_ns)
    return make_sample(len(produced.took_ns), elapsed_ns, list(produced.took_ns))


def sample_pick_up(produced: Produced, ran_ns: Sequence[int]) -> Sample:
    """Return jobs per second, with the time from before each call to its function's beginning."""
    elapsed_ns = max(ran_ns) - min(produced.began_ns)
    return make_sample(len(ran_ns), elapsed_ns, list(map(sub, ran_ns, produced.began_ns)))
