"""A disk that outlives its nodes, and the writer of each: batches are written, lost, late or both.

What stands in for the world is the moment at which a batch is written, and what the node hears of
it. A node that is killed hears nothing more, and neither does the disk of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

from seriatim.actors.launch import COMMIT_BOUNDS
from seriatim.actors.runtime.batcher import Batcher
from seriatim.actors.runtime.dispatcher import LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.committer import job_bytes
from seriatim.actors.scheduler.system import Scheduler
from seriatim.actors.scheduler.writer import Job, Sealed, Writer
from seriatim.formats.errors import SchedulerError, StoreError
from seriatim.store.memory_log import MemoryLog
from seriatim.store.tree.memory_tree import MemoryTree


class Fate(Enum):
    """What becomes of a batch."""

    WRITTEN = "it is written, and the node is told so"
    FAILED = "it is not written, and the node is told that nobody knows"
    DOUBTFUL = "it is written, and the node is told that nobody knows"
    SLOW = "it is written when time has passed, and the node is told so then"
    KILLED = "it is not written: the node is killed before"
    KILLED_AFTER = "it is written, and the node is killed before it is told so"


class SimulatedDisk:
    """A log and a tree.

    Attributes:
        log: what all nodes have written.
        tree: as above; in one transaction with it.
    """

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.tree = MemoryTree()


class SimulatedWriter:
    """An `Offload` to a `SimulatedDisk`: the writer of one node.

    Attributes:
        is_killed: whether the node has been killed; nothing is written any more.
    """

    def __init__(self, disk: SimulatedDisk, draw_fate: Callable[[], Fate]) -> None:
        self._writer = Writer(disk.log, None, bytes, tree=disk.tree)
        self._draw_fate = draw_fate
        self._slow: deque[tuple[Sequence[Job], Future[Sequence[Sealed]]]] = deque()
        self.is_killed = False

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Sealed]]:
        """See `Offload.call`."""
        answer: Future[Sequence[Sealed]] = Future()
        fate = self._draw_fate()
        if self._slow or fate is Fate.SLOW:  # one after the other
            self._slow.append((jobs, answer))
        else:
            asyncio.get_running_loop().call_soon(self._write, jobs, answer, fate)
        return answer

    @property
    def slow(self) -> int:
        """How many batches wait for time to pass."""
        return len(self._slow)

    def catch_up(self, count: int) -> None:
        """Write the first *count* batches of those that were slow."""
        for _ in range(count):
            self._write(*self._slow.popleft(), Fate.WRITTEN)

    def kill(self) -> None:
        """Write nothing any more, and answer nobody."""
        self.is_killed = True

    async def close(self) -> None:
        """See `Offload.close`."""
        self.catch_up(self.slow)

    def _write(self, jobs: Sequence[Job], answer: Future[Sequence[Sealed]], fate: Fate) -> None:
        if self.is_killed or fate is Fate.KILLED:
            self.is_killed = True
            return
        if fate is Fate.FAILED:
            answer.fail(StoreError("as told"))
            return
        try:
            sealed = self._writer.write(jobs)
        except SchedulerError as error:  # it builds on a batch that has failed
            answer.fail(error)
            return
        if fate is Fate.KILLED_AFTER:
            self.is_killed = True
        elif fate is Fate.DOUBTFUL:
            answer.fail(StoreError("as told"))
        else:
            answer.resolve(sealed)


def simulated_scheduler(
    dispatcher: LoopDispatcher, disk: SimulatedDisk, writer: SimulatedWriter
) -> Scheduler:
    """Return the product's scheduler over *disk*, to which *writer* writes."""
    batches = Batcher(
        writer,
        name="the commit queue",
        bounds=COMMIT_BOUNDS,
        size=job_bytes,
        call_soon=asyncio.get_running_loop().call_soon,
        fails_together=True,
    )
    return Scheduler(dispatcher=dispatcher, log=disk.log, writer=batches, wallet=None)
