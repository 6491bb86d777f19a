"""One round of a contender, and of the ceiling: about as long for a slow one as for a fast one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from seriatim.gateway.bench.figure import Sample, Say
from seriatim.gateway.bench.jobs.ceiling import GROUP_COMMIT
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.findings import (
    Found,
    find_rates,
    sample_calls,
    sample_pick_up,
)
from seriatim.gateway.bench.jobs.producer import Order
from seriatim.gateway.bench.jobs.session import (
    BEGIN,
    Run,
    Session,
    await_opened,
    await_produced,
    in_session,
    running_producer,
)
from seriatim.gateway.bench.jobs.stage import Stage

CALLERS: Final = 64
PACED_PER_S: Final = 50

WARM_UP: Final = 2 * CALLERS
"""Jobs of the first warm-up."""

WARM_UP_SHARE: Final = 8
"""A warm-up is long enough when it takes this part of what is measured then."""

JOBS_MAX: Final = 100_000

FINISHING: Final = 1_000
"""Callers at once of the jobs that are finished before anything is measured."""


def measure_contender(
    contender: Contender, folder: Path, seconds: float, say: Say, data: Path | None = None
) -> Found:
    """Return what one round finds of *contender*, in *folder*, which is not there yet.

    Args:
        contender: who.
        folder: its own.
        seconds: about how long each run of jobs takes.
        say: told what is being done.
        data: what `finish_jobs` has made, where it has finished jobs before.

    Raises:
        UnavailableError: an OS process has failed; with code `JOBS_LOST`, jobs have not run.
    """
    say("starting")
    with in_session(contender, folder, data) as session:
        one = _flat_out(session, 1, seconds, say)
        many = _flat_out(session, CALLERS, seconds, say)
        say(f"{PACED_PER_S} jobs per second")
        paced = session.run(max(round(PACED_PER_S * seconds), 1), per_s=PACED_PER_S)
    return Found(
        one=find_rates(one.produced, one.ran_ns),
        many=find_rates(many.produced, many.ran_ns),
        paced_total=len(paced.ran_ns),
        pick_up=sample_pick_up(paced.produced, paced.ran_ns),
        again=one.again + many.again + paced.again,
    )


def finish_jobs(contender: Contender, folder: Path, say: Say) -> Path:
    """Have *contender* finish as many jobs as it is to have behind it; return their data folder.

    Args:
        contender: with some to finish.
        folder: what was made there before is what is returned; else it is not there yet.
        say: told how far it is.

    Raises:
        UnavailableError: as `measure_contender`.
    """
    data = Stage(folder, {}).data
    if folder.exists():
        return data
    with in_session(contender, folder) as session:
        for finished in range(0, contender.finished, JOBS_MAX):
            say(f"finishing jobs, {finished:,} of {contender.finished:,}")
            total = min(JOBS_MAX, contender.finished - finished)
            session.run(total, callers=min(FINISHING, total))
    return data


def measure_ceiling(folder: Path, seconds: float, say: Say) -> dict[int, Sample]:
    """Return how fast that many callers make rows durable with bare LMDB, by `CALLERS` and 1.

    Raises:
        UnavailableError: its OS process has failed.
    """
    folder.mkdir()
    stage = Stage(folder, {})
    firsts = count(step=2 * JOBS_MAX)  # every row is a new one

    def put(total: int, callers: int) -> Sample:
        with running_producer(GROUP_COMMIT, stage, Order(next(firsts), total, callers)) as producer:
            await_opened(producer, stage, [producer])
            producer.say(BEGIN)
            produced = await_produced(producer, stage, [producer])
            producer.finish()
        return sample_calls(produced)

    samples = {}
    for callers in (1, CALLERS):
        say(_callers(callers))
        total = calibrate(partial(put, callers=callers), seconds)
        samples[callers] = put(total, callers)
    return samples


def _flat_out(session: Session, callers: int, seconds: float, say: Say) -> Run:
    """Return a run of about *seconds*, as fast as that many *callers* can."""
    say(f"warming up, {_callers(callers)}")

    def rate(total: int) -> Sample:
        run = session.run(total, callers=callers)
        return find_rates(run.produced, run.ran_ns).jobs

    total = calibrate(rate, seconds)
    say(f"{total:,} jobs, {_callers(callers)}")
    return session.run(total, callers=callers)


def calibrate(sample: Callable[[int], Sample], seconds: float) -> int:
    """Return how many operations take about *seconds*, at most `JOBS_MAX`.

    Args:
        sample: makes so many, and returns their rate; asked for more and more of them.
        seconds: more than 0.
    """
    total = WARM_UP
    while True:
        per_s = sample(total).value
        if total >= per_s * seconds / WARM_UP_SHARE or total == JOBS_MAX:
            return min(max(round(per_s * seconds), 1), JOBS_MAX)
        total = min(4 * total, JOBS_MAX)


def _callers(callers: int) -> str:
    return "1 caller" if callers == 1 else f"{callers} callers"
