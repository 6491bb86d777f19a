"""Importing a queue: its log, out of an export, and the rows that follow from it, as one.

A queue's log is signed by nobody, and only the node that has the queue places anything there. So
whichever node has the folder goes on with it, whatever its wallet. Of other logs that does not
hold: those are copied by a follower, or with the whole folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seriatim.actors.alone import open_alone
from seriatim.actors.follow.marks import FollowMarks
from seriatim.actors.proof import LogCopy, check_log
from seriatim.actors.queue.verify import said_slots
from seriatim.actors.scheduler.writer import append_of
from seriatim.formats.errors import LimitExceededError, RefusedError
from seriatim.formats.ids import encode_id
from seriatim.formats.jobs.fold import DEVICE
from seriatim.formats.jobs.job_id import check_name
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import NAMES, name_path
from seriatim.formats.limits import COPY_JOB_MAX_BYTES, QUEUES_MAX
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.lmdb_log import LmdbLog
from seriatim.store.tree.lmdb_tree import LmdbTree

if TYPE_CHECKING:
    from seriatim.formats.schedule.record import Record
    from seriatim.store.log import Append, Log
    from seriatim.store.tree.tree import Tree


class Imported(NamedTuple):
    """What was imported.

    Attributes:
        queue: the queue's name.
        process: the id of the process whose log is its own, 32 raw bytes.
        slots: how many slots the log has.
        rows: how many rows follow from them.
    """

    queue: str
    process: bytes
    slots: int
    rows: int


async def import_queue(
    path: Path,
    log: LogCopy,
    *,
    now_ms: int,
    on_slot: Callable[[int, int], object] | None = None,
) -> Imported:
    """Make the queue whose log is *log* one of the data folder *path*: all of it, or nothing.

    Args:
        path: the folder, made where it is missing; no node runs on it.
        log: see `open_export`.
        now_ms: Unix milliseconds, for the lock.
        on_slot: see `check_log`.

    Raises:
        ChainBrokenError: the log does not verify.
        MalformedError: it cannot be read, or a slot says what cannot happen.
        RefusedError: it is no queue's (``not_a_queue``), or the folder has that process, or a
            queue of that name (``queue_exists``).
        LimitExceededError: there are ``QUEUES_MAX`` queues.
        StoreLockedError: a node runs on the folder.
        StoreError: the folder cannot be used.
    """
    async with open_alone(path, now_ms=now_ms) as environment:
        stored, tree = LmdbLog(environment), LmdbTree(environment)
        _check_new(stored, tree, log.header.process)
        with environment.writing():
            return _write(stored, tree, log, on_slot)


def _check_new(stored: Log, tree: Tree, process: bytes) -> None:
    if stored.head(process) is not None or FollowMarks(tree).find(process) is not None:
        raise RefusedError(
            f"process {encode_id(process)} is in this folder already; import into another one",
            code="queue_exists",
        )


def _write(
    stored: Log, tree: Tree, log: LogCopy, on_slot: Callable[[int, int], object] | None
) -> Imported:
    process = log.header.process
    checked = LogCopy(log.header, _written(stored, process, log.records))
    report = check_log(checked, on_slot=on_slot)
    queue = _queue_of(stored, process, has_signatures=report.signatures > 0)
    names = dict(tree.all_values(NAMES))
    if queue in names:
        raise RefusedError(
            f"queue {queue} is in this folder already, with another log; import into another one",
            code="queue_exists",
        )
    if len(names) >= QUEUES_MAX:
        raise LimitExceededError("number of queues", given=len(names) + 1, maximum=QUEUES_MAX)
    rows = replay(queue, *said_slots(stored, process, report.slots - 1))
    tree.change([(name_path(queue), process), *rows.items()])
    return Imported(queue, process, report.slots, len(rows))


def _written(
    stored: Log, process: bytes, records: Iterator[tuple[int, Record]]
) -> Iterator[tuple[int, Record]]:
    """Yield *records*, and write each when it has passed: when the next one is asked for."""
    waiting: list[Append] = []
    size_bytes = 0
    for slot, record in records:
        yield slot, record
        waiting.append(append_of(process, slot, record))
        size_bytes += len(waiting[-1].record)
        if size_bytes >= COPY_JOB_MAX_BYTES:
            stored.append(waiting)
            waiting, size_bytes = [], 0
    stored.append(waiting)


def _queue_of(stored: Log, process: bytes, *, has_signatures: bool) -> str:
    """Return the name of the queue whose log *process* is."""
    record = stored.read(process, 0)
    fields = StoredAssignment(process, 0, record).fields if record is not None else {}
    if has_signatures or fields.get("execution-device") != DEVICE:
        raise RefusedError(
            f"process {encode_id(process)} is no queue; seriatim follow copies processes, and "
            "seriatim backup whole folders",
            code="not_a_queue",
        )
    queue = fields.get("queue")
    return check_name(queue if isinstance(queue, str) else "", "queue")
