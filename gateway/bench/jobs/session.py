"""A session: one contender with its servers and its worker, which carries out orders.

What a run of jobs was, is known from two files: what its producer has handed in, and the records of
the jobs themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

import orjson

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.jobs.contender import Contender
from seriatim.gateway.bench.jobs.producer import Order, Produced
from seriatim.gateway.bench.jobs.record import RecordReader
from seriatim.gateway.bench.jobs.running import Running, running, wait_until
from seriatim.gateway.bench.jobs.stage import Stage

JOBS_LOST: Final = "jobs_lost"
BEGIN: Final = b"begin\n"
_PRODUCE_S: Final = 120.0


class Run(NamedTuple):
    """An order that was carried out: every job has run.

    Attributes:
        produced: what the producer has found.
        ran_ns: by job, in the order of their numbers, when its function first began.
        again: how many runs there were beyond one for each job.
    """

    produced: Produced
    ran_ns: list[int]
    again: int


class Session:
    """A contender that takes orders."""

    def __init__(self, contender: Contender, stage: Stage, worker: Running | None) -> None:
        """Measure *contender*, whose *worker* is ready; see `in_session`."""
        self._contender = contender
        self._stage = stage
        self._needed = [] if worker is None else [worker]
        self._records = RecordReader(stage.records)
        self._next = 0

    def run(self, total: int, *, callers: int = 1, per_s: int = 0) -> Run:
        """Enqueue *total* jobs, as `producer.Order` says, and return when all have run.

        Raises:
            UnavailableError: an OS process has failed; with code `JOBS_LOST`, jobs have not run.
        """
        order = Order(self._next, total, callers, per_s)
        self._next = order.numbers.stop
        with running_producer(self._contender, self._stage, order) as producer:
            needed = [*self._needed, producer]  # a producer may end for want of a worker
            await_opened(producer, self._stage, needed)
            self._await_jobs(order.openings, needed)
            producer.say(BEGIN)
            produced = await_produced(producer, self._stage, needed)
            ran_ns, again = self._await_jobs(order.numbers, needed)
            producer.finish()
        return Run(produced, ran_ns, again)

    def _await_jobs(self, numbers: range, needed: Sequence[Running]) -> tuple[list[int], int]:
        """Return when each job of *numbers* has first begun, and how many have run again."""
        ran_ns: dict[int, int] = {}
        runs = 0
        while left := len(numbers) - len(ran_ns):
            self._await_records(left, needed)
            if not self._records.waiting():
                raise UnavailableError(
                    f"{self._contender.name} has lost {left} of {len(numbers)} jobs: "
                    f"none has run for {self._contender.stalled_s:g} s",
                    code=JOBS_LOST,
                )
            for record in self._records.read_new():
                # What an earlier order has left behind is not of this one.
                if record.number in numbers:
                    ran_ns.setdefault(record.number, record.began_ns)
                    runs += 1
        return [ran_ns[number] for number in numbers], runs - len(numbers)

    def _await_records(self, count: int, needed: Sequence[Running]) -> None:
        """Return when *count* records wait to be read, or none has come for too long."""
        seen, seen_s = 0, monotonic()

        def is_over() -> bool:
            nonlocal seen, seen_s
            waiting = self._records.waiting()
            if waiting > seen:
                seen, seen_s = waiting, monotonic()
            return waiting >= count or monotonic() - seen_s > self._contender.stalled_s

        wait_until(is_over, needed=needed, within_s=float("inf"), what="jobs to run")


@contextmanager
def in_session(contender: Contender, folder: Path, data: Path | None = None) -> Iterator[Session]:
    """Start what *contender* needs, and its worker, in *folder*; end all of it with the block.

    Args:
        contender: of which nothing is missing.
        folder: is not there yet.
        data: begin with a copy of this folder as `Stage.data`.

    Raises:
        UnavailableError: something does not start.
    """
    with ExitStack() as started:
        urls = {}
        for server in contender.servers:
            place = folder.parent / f"{folder.name}-{server.name}"
            place.mkdir()
            urls[server.name] = started.enter_context(server.serving(place))
        folder.mkdir()
        stage = Stage(folder, urls)
        if data is not None:
            # It may be large, and there is one in each round.
            started.callback(shutil.rmtree, stage.data, ignore_errors=True)
            shutil.copytree(data, stage.data, copy_function=_copy_synced)
        worker = None
        if contender.worker is not None:
            name = f"the worker of {contender.name}"
            worker = started.enter_context(
                running(
                    contender.worker,
                    name=name,
                    log=folder / "worker.log",
                    environment=stage.to_environment(),
                )
            )
            wait_until(stage.ready.exists, needed=(worker,), what=name)
        yield Session(contender, stage, worker)


def _copy_synced(source: str, target: str) -> None:
    """Copy a file; what is not on disk yet would be synced with the first commit of the run."""
    shutil.copy2(source, target)
    with Path(target).open("rb") as copy:
        os.fsync(copy.fileno())


@contextmanager
def running_producer(contender: Contender, stage: Stage, order: Order) -> Iterator[Running]:
    """Run the producer of *contender* on *stage* for as long as the block runs."""
    stage.opened.unlink(missing_ok=True)
    stage.produced.unlink(missing_ok=True)
    with running(
        [*contender.producer, *map(str, order)],
        name=f"the producer of {contender.name}",
        log=stage.folder / "producer.log",
        environment=stage.to_environment(),
    ) as producer:
        yield producer


def await_opened(producer: Running, stage: Stage, needed: Sequence[Running]) -> None:
    """Return when each caller of *producer* has enqueued its first job.

    Raises:
        UnavailableError: one of *needed* has ended.
    """
    wait_until(stage.opened.exists, needed=needed, what=f"{producer.name} to connect")


def await_produced(producer: Running, stage: Stage, needed: Sequence[Running]) -> Produced:
    """Return what *producer* hands in.

    Raises:
        UnavailableError: one of *needed* has ended.
    """
    what = f"{producer.name} to enqueue"
    wait_until(stage.produced.exists, needed=needed, what=what, within_s=_PRODUCE_S)
    return Produced(**orjson.loads(stage.produced.read_bytes()))
