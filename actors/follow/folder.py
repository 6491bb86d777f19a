"""The follower's side of a data folder: one followed process in it, appended to and nothing else.

It holds the folder's lock: no node gives out slots meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from seriatim.actors.alone import open_alone
from seriatim.actors.follow.copies import Copy, keep_evidence, stored_record
from seriatim.actors.follow.marks import FollowMark, FollowMarks
from seriatim.actors.scheduler.writer import append_of
from seriatim.formats.errors import RefusedError
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.evidence import Evidence
from seriatim.formats.schedule.record import Record
from seriatim.store.folder import DataFolder
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.log import Log
from seriatim.store.tree.lmdb_tree import LmdbTree


class FollowedProcess(Copy):
    """The copy of one process in a folder whose lock the follower holds."""

    def __init__(self, log: Log, process: bytes, evidence: Path) -> None:
        """Append to *log*; evidence is kept in the folder *evidence*."""
        head = log.head(process)
        self.process = process
        self.slots = 0 if head is None else head.slot + 1
        self._log = log
        self._evidence = evidence

    def record(self, slot: int) -> Record:
        """See `Copy.record`."""
        return stored_record(self._log, self.process, slot)

    async def append(self, records: Sequence[Record]) -> None:
        """See `Copy.append`; all of them in one transaction."""
        if not records:
            return
        self._log.append(
            [
                append_of(self.process, slot, record)
                for slot, record in enumerate(records, self.slots)
            ]
        )
        self.slots += len(records)

    def keep(self, evidence: Evidence) -> str:
        """See `Copy.keep`."""
        return str(keep_evidence(self._evidence, evidence))


@asynccontextmanager
async def open_followed(
    path: Path, process: bytes, *, url: str, now_ms: int
) -> AsyncIterator[FollowedProcess]:
    """Open the data folder *path*, made where it is missing, to follow *process* from *url*.

    Args:
        path: the folder.
        process: 32 raw bytes.
        url: the source; kept, so that a node can say where messages are to go.
        now_ms: Unix milliseconds, for the lock.

    Raises:
        RefusedError: the folder's own node schedules the process; code ``own_process``.
        StoreLockedError: a node runs on the folder, or another follower.
        StoreError: the folder cannot be used.
    """
    async with open_alone(path, now_ms=now_ms) as environment:
        log = LmdbLog(environment)
        _mark(FollowMarks(LmdbTree(environment)), log, process, url)
        yield FollowedProcess(log, process, DataFolder(path).evidence)


def _mark(marks: FollowMarks, log: Log, process: bytes, url: str) -> None:
    """Mark *process* as followed, before anything of it is written."""
    known = marks.find(process)
    if known is None and log.head(process) is not None:
        raise RefusedError(
            f"process {encode_id(process)} is scheduled by this folder's own node; follow it "
            "into another folder",
            code="own_process",
        )
    # Where a hint has begun the copy, the operator's word counts from now on.
    if known != FollowMark(url, is_hinted=False):
        marks.put(process, url)
