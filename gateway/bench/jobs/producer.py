"""The producer: enqueues as it is ordered, one job per call, and says when and for how long.

A contender's producer is a program that calls `produce` or `produce_async` with its product's
normal call for a single job. That takes the order from the end of the command line (``FIRST TOTAL
CALLERS PER_S``) and goes, side by side with the session::

    producer                                        session
    each caller enqueues one job: it connects
    makes ``opened``                          ───►  waits until those jobs have run
    begins                                    ◄───  a line on stdin
    enqueues, looking at the clock
    puts ``produced`` there                   ───►  waits until all jobs have run
    returns                                   ◄───  stdin ends

What is made once, such as a connection, is so measured nowhere; and a product of one OS process
works on until its jobs are done.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns
from typing import Final, NamedTuple, Self

import orjson

from seriatim.gateway.bench.jobs.stage import Stage

Enqueue = Callable[[int], object]
"""Enqueues the job with that number, and returns when the product says that it is safe."""

EnqueueAsync = Callable[[int], Awaitable[object]]
"""As `Enqueue`, as a coroutine."""

_FIELDS: Final = 4


class Order(NamedTuple):
    """What a producer is to enqueue.

    Attributes:
        first: number of the first job; the others follow, those of the openings first.
        total: jobs that are measured, 1 or more.
        callers: how many callers enqueue at once (threads, or tasks of one loop), each its next
            job when the call for the one before has returned.
        per_s: jobs per second, evenly; 0 is as fast as the calls return.
    """

    first: int
    total: int
    callers: int = 1
    per_s: int = 0

    @property
    def openings(self) -> range:
        """Numbers of the jobs by which the callers connect: one for each."""
        return range(self.first, self.first + self.callers)

    @property
    def numbers(self) -> range:
        """Numbers of the jobs that are measured."""
        return range(self.openings.stop, self.openings.stop + self.total)

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """Return the order at the end of a command line."""
        return cls(*map(int, arguments[-_FIELDS:]))


class Produced(NamedTuple):
    """What a producer has done, by job, in the order of their numbers.

    Attributes:
        began_ns: the moment before the call; `time.monotonic_ns`.
        took_ns: how long the call has taken.
    """

    began_ns: list[int]
    took_ns: list[int]


class _Desk:
    """The jobs that are left, for all callers of one producer."""

    def __init__(self, order: Order) -> None:
        self._numbers = order.numbers
        self._per_s = order.per_s
        self._stage = Stage.of_this_process()
        self._opened_ns = 0
        self.left: Iterator[int] = iter(order.numbers)
        """Numbers, each of which one caller gets."""
        self.produced = Produced([0] * order.total, [0] * order.total)

    def open(self) -> None:
        """Say that all callers have connected, and return when the clock may start."""
        self._stage.opened.touch()
        sys.stdin.readline()
        self._opened_ns = monotonic_ns()

    def pause_s(self, number: int) -> float:
        """Return how long to wait before enqueuing *number*."""
        if not self._per_s:
            return 0.0
        due_ns = (number - self._numbers.start) * 1_000_000_000 // self._per_s
        return max(self._opened_ns + due_ns - monotonic_ns(), 0) / 1e9

    def note(self, number: int, began_ns: int) -> None:
        """Note that the call for *number* has just returned."""
        at = number - self._numbers.start
        self.produced.began_ns[at] = began_ns
        self.produced.took_ns[at] = monotonic_ns() - began_ns

    def close(self) -> None:
        """Hand in what was found, whole, and return when all jobs are done."""
        whole = self._stage.produced.with_suffix(".whole")
        whole.write_bytes(orjson.dumps(self.produced._asdict()))
        whole.replace(self._stage.produced)
        sys.stdin.read()


def produce(enqueue: Enqueue) -> None:
    """Carry out the order of this command line with *enqueue*, in a thread for each caller."""
    order = Order.from_arguments(sys.argv)
    desk = _Desk(order)
    opening = threading.Barrier(order.callers, desk.open)

    def call(opening_number: int) -> None:
        try:
            enqueue(opening_number)
        except BaseException:
            opening.abort()  # the others would wait for ever
            raise
        opening.wait()
        for number in desk.left:
            if pause_s := desk.pause_s(number):
                time.sleep(pause_s)
            began_ns = monotonic_ns()
            enqueue(number)
            desk.note(number, began_ns)

    if order.callers == 1:
        call(order.first)
    else:
        with ThreadPoolExecutor(order.callers) as pool:
            calls = [pool.submit(call, number) for number in order.openings]
        errors = [error for called in calls if (error := called.exception())]
        # The one for which the others had to give up comes first.
        for error in sorted(
            errors, key=lambda each: isinstance(each, threading.BrokenBarrierError)
        ):
            raise error
    desk.close()


async def produce_async(enqueue: EnqueueAsync) -> None:
    """Carry out the order of this command line with *enqueue*, in a task for each caller."""
    order = Order.from_arguments(sys.argv)
    desk = _Desk(order)

    async def call() -> None:
        for number in desk.left:
            if pause_s := desk.pause_s(number):
                await asyncio.sleep(pause_s)
            began_ns = monotonic_ns()
            await enqueue(number)
            desk.note(number, began_ns)

    await asyncio.gather(*map(enqueue, order.openings))
    await asyncio.to_thread(desk.open)
    await asyncio.gather(*(call() for _ in range(order.callers)))
    await asyncio.to_thread(desk.close)
