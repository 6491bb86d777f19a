"""Checking a queue: whether its rows are what its log says; without a node, or trust in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from seriatim.actors.queue.load import rows_in
from seriatim.formats.errors import NotFoundError, UnavailableError
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import head_path, name_path, queue_groups
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.formats.jobs.rows import Path
    from seriatim.formats.message import Value
    from seriatim.store.log import Log
    from seriatim.store.tree.tree import Tree

_TRIES: Final = 3


class Verified(NamedTuple):
    """What a check of a queue has found.

    Attributes:
        process: the id of the process whose log is the queue's, 32 raw bytes.
        slots: how many slots the log has.
        rows: how many rows follow from them.
        differs: the first path at which the stored row is another one, or missing, or too much;
            empty where there is none.
    """

    process: bytes
    slots: int
    rows: int
    differs: Path


def verify_queue(log: Log, tree: Tree, queue: str) -> Verified:
    """Return whether the rows of *queue* in *tree* are what *log* says.

    The log itself is checked by `check_log`.

    Raises:
        NotFoundError: there is no such queue.
        UnavailableError: a node changes it meanwhile.
        IllegalMoveError: what a slot says cannot happen.
        MalformedError: a slot says nothing that a queue says.
    """
    process = tree.get(name_path(queue))
    if process is None:
        raise NotFoundError(f"no queue {queue!r} in this folder")
    for _ in range(_TRIES):
        slot = _head_slot(tree, queue)
        stored = {
            (*group, name): row
            for group in queue_groups(queue)
            for name, row in rows_in(tree, group)
        }
        head = tree.get(head_path(queue))
        if head is not None and _head_slot(tree, queue) == slot:
            stored[head_path(queue)] = head
            replayed = replay(queue, *_slots(log, process, slot)) if slot else stored
            return Verified(process, slot + 1, len(replayed), _difference(stored, replayed))
    raise UnavailableError(f"queue {queue} changes meanwhile: pause it, or stop the node")


def _head_slot(tree: Tree, queue: str) -> int:
    slot: int = orjson.loads(tree.get(head_path(queue)) or b'{"slot": 0}')["slot"]
    return slot


def _slots(
    log: Log, process: bytes, last: int
) -> tuple[int, Iterator[tuple[int, Mapping[str, Value]]]]:
    """Return when the queue was made, and what its slots say up to *last*."""
    records = log.read_range(process, 0, last)
    _, spawn = next(iter(records))
    said = (
        (slot, StoredAssignment(process, slot, record).fields)
        for slot, record in log.read_range(process, 1, last)
    )
    return spawn.timestamp_ms, said


def _difference(stored: Mapping[Path, bytes], replayed: Mapping[Path, bytes]) -> Path:
    paths = sorted(stored.keys() | replayed.keys())
    return next((path for path in paths if stored.get(path) != replayed.get(path)), ())
