"""A node that lies: it acknowledges before it commits. For showing that the checker sees loss.

The product's own parts, except for the one offload between the committer and the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from seriatim.actors.follow.marks import FollowMarks
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.batcher import BatchBounds, Batcher
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.runtime.dispatcher import LoopDispatcher
from seriatim.actors.runtime.future import Future
from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.actors.scheduler.committer import job_bytes
from seriatim.actors.scheduler.handlers import verify_messages
from seriatim.actors.scheduler.system import Scheduler
from seriatim.actors.scheduler.writer import Job, Sealed, Writer
from seriatim.formats.schedule.assignment import FIRST_LINK, Draft, Link, link_of
from seriatim.formats.schedule.seal import seal
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Log
from seriatim.store.tree.memory_tree import MemoryTree
from tests.support.builders import NODE
from tests.support.strategies import known_wallet

_ANCHOR = bytes(32)
_BOUNDS = BatchBounds(4_096, 1 << 26, 256, 1 << 25)


class AckFirstOffload:
    """Seals and answers at once, and writes the same afterwards."""

    def __init__(self, log: Log, behind: ThreadOffload[Job, Sealed]) -> None:
        """Write through *behind*, whose log is *log*."""
        self._log = log
        self._behind = behind
        self._links: dict[bytes, Link] = {}

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Sealed]]:
        """See `Offload.call`."""
        seals: list[Sealed] = []
        for draft in jobs:
            assert isinstance(draft, Draft), "nobody reads here"
            record, _ = seal(draft, self._link_before(draft), known_wallet(NODE), anchor=_ANCHOR)
            self._links[draft.process] = link_of(record)
            seals.append(Sealed(record.assignment_id, record.hash_chain, record.assignment))
        answer: Future[Sequence[Sealed]] = Future()
        answer.resolve(seals)
        self._behind.call(jobs)
        return answer

    async def close(self) -> None:
        """See `Offload.close`."""
        await self._behind.close()

    def _link_before(self, draft: Draft) -> Link:
        link = self._links.get(draft.process)
        if link is not None:
            return link
        head = self._log.head(draft.process)
        return FIRST_LINK if head is None else Link(head.hash_chain, head.assignment_id)


async def open_ack_first(path: Path) -> Node:
    """Open *path* as `open_node` does in threads, with the lie in between."""
    loop = asyncio.get_running_loop()
    folder = DataFolder(path)
    folder.create()
    log = LmdbLog(Environment.open_writer(folder.log))
    # No randomness: both seals of an assignment have to be the same.
    writer = Writer(log, known_wallet(NODE), bytes, tree=MemoryTree())
    behind = await ThreadOffload.start(lambda: writer.write, name="writer")
    verifier = await ThreadOffload.start(lambda: verify_messages, name="verifier")

    async def release() -> None:
        log.close()

    return Node(
        tree=MemoryTree(),
        marks=FollowMarks(MemoryTree()),
        log=log,
        wallet=known_wallet(NODE),
        policy=Policy(),
        scheduler=Scheduler(
            dispatcher=LoopDispatcher(loop, SystemClock(loop)),
            log=log,
            writer=Batcher(
                AckFirstOffload(log, behind),
                name="the commit queue",
                bounds=_BOUNDS,
                size=job_bytes,
                call_soon=loop.call_soon,
                fails_together=True,
            ),
            wallet=known_wallet(NODE),
        ),
        verifier=Batcher(
            verifier,
            name="the verification queue",
            bounds=_BOUNDS,
            size=len,
            call_soon=loop.call_soon,
        ),
        release=release,
    )
