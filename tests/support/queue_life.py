"""One life of a node's queues over a disk that outlives it; the scheduler is the product's.

A clock that goes by hand, a writer that does as it is told, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from seriatim.actors.own_log import OwnLog
from seriatim.actors.queue.commands import Claim, Claimed, Submitted
from seriatim.actors.queue.queues import Queues
from seriatim.actors.queue.world import World
from seriatim.actors.runtime.dispatcher import LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.scheduler.mail import Submit
from seriatim.formats.codecs.cbor import CborCodec
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.schedule.submission import Submission
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.wire.receipt import Receipt
from seriatim.testing import VirtualClock
from tests.support.queue_rows import stored_rows
from tests.support.simulated_disk import Fate, SimulatedDisk, SimulatedWriter, simulated_scheduler

QUEUE = "mail"
_CBOR = CborCodec()
_NONCES = count()


class QueueLife:
    """A node that has queues and a scheduler.

    Attributes:
        disk: what outlives it.
        fates: of the next batches; they are written when there is none.
        writer: writes for it.
        clock: what it takes for the time.
        queues: its queues.
    """

    def __init__(self, disk: SimulatedDisk | None = None) -> None:
        self.disk = disk or SimulatedDisk()
        self.fates: deque[Fate] = deque()
        self.writer = SimulatedWriter(self.disk, self._fate)
        self.clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
        dispatcher = LoopDispatcher(asyncio.get_running_loop(), self.clock)
        self._scheduler = simulated_scheduler(dispatcher, self.disk, self.writer)
        self.queues = Queues(
            World(
                dispatcher=dispatcher,
                tree=self.disk.tree,
                own=OwnLog(self._place, self._scheduler.store),
                entropy=lambda size: next(_NONCES).to_bytes(size),
                draw=lambda: 0.5,
            )
        )

    def _fate(self) -> Fate:
        return self.fates.popleft() if self.fates else Fate.WRITTEN

    async def _place(self, submission: Submission) -> Receipt:
        """Give *submission* its slot; see `Node.place_own`."""
        reply: Future[Receipt] = Future()
        self._scheduler.submit(Submit(submission, Variant.NATIVE, reply, is_early=False))
        return await reply

    # What tests say most.

    def submit(self, *said: dict[str, Any], queue: str = QUEUE) -> asyncio.Task[list[Submitted]]:
        """Begin to submit jobs."""
        asked = [read_asked({"type": "a", **each}) for each in said]
        return asyncio.ensure_future(self.queues.submit(queue, asked))

    def claim(
        self, worker: str = "w", room: int = 9, held: Sequence[tuple[str, int]] = ()
    ) -> asyncio.Task[Claimed]:
        """Begin to claim jobs of type ``a``, for an hour at most."""
        claim = Claim(worker, frozenset("a"), commands=False, room=room, held=held)
        return asyncio.ensure_future(self.queues.claim(QUEUE, claim, wait_ms=3_600_000))

    def states(self) -> dict[str, int]:
        """Return how many jobs are in which state, by the rows; the log has to say the same."""
        rows = stored_rows(self.disk.tree, QUEUE)
        process = self.queues.process(QUEUE)
        head = self.disk.log.head(process)
        assert head is not None
        records = dict(self.disk.log.read_range(process, 0, head.slot))
        spawned_ms = records.pop(0).timestamp_ms
        slots = [(slot, _CBOR.decode(each.message).fields) for slot, each in records.items()]
        replayed = replay(QUEUE, spawned_ms, slots)
        assert {path: row for path, row in rows.items() if path[2] != "output"} == replayed
        found: dict[str, int] = {}
        for path in rows:
            if path[0] == "jobs" and path[2] != "output":
                found[path[2]] = found.get(path[2], 0) + 1
        return found
