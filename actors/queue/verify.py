"""Checking a queue: whether its rows are what its log says; without a node, or trust in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from seriatim.formats.errors import MalformedError, NotFoundError
from seriatim.formats.jobs.head import decode_head
from seriatim.formats.jobs.replay import replay
from seriatim.formats.jobs.rows import head_path, name_path, queue_groups, settings_path
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.formats.jobs.rows import Path
    from seriatim.formats.message import Value
    from seriatim.store.log import Log
    from seriatim.store.tree.tree import Tree


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
    """Return whether the rows of *queue* in *tree* are what *log* says, all of it.

    The log itself is checked by `check_log`. The rows are copied as they are at one moment, while
    a node may run: for so long, pages that they have left are not used again.

    Raises:
        NotFoundError: there is no such queue.
        MalformedError: a slot says nothing that a queue says, or what cannot happen.
    """
    process = tree.get(name_path(queue))
    if process is None:
        raise NotFoundError(f"no queue {queue!r} in this folder")
    first = log.head(process)
    if first is None:
        return Verified(process, 0, 0, name_path(queue))
    with tree.snapshot() as snapshot:
        stored = _stored(snapshot, queue)
    last = log.head(process)
    assert last is not None, "a log only grows"
    slot = _said_slot(stored.get(head_path(queue)))
    if not first.slot <= slot <= last.slot:  # rows are written with the slot, and never behind it
        slot = first.slot
    replayed = replay(queue, *said_slots(log, process, slot))
    return Verified(process, slot + 1, len(replayed), _difference(stored, replayed))


def _stored(tree: Tree, queue: str) -> dict[Path, bytes]:
    stored = {
        (*group, name): row for group in queue_groups(queue) for name, row in tree.all_values(group)
    }
    own = [head_path(queue), settings_path(queue)]
    found = zip(own, tree.get_all(own), strict=True)
    return stored | {path: row for path, row in found if row is not None}


def _said_slot(head: bytes | None) -> int:
    """Return the slot of which *head* says that it is; -1 where it is missing, or damaged."""
    try:
        return decode_head(head or b"").slot
    except MalformedError:
        return -1


def said_slots(
    log: Log, process: bytes, last: int
) -> tuple[int, Iterator[tuple[int, Mapping[str, Value]]]]:
    """Return when the queue of *process* was made, and what its slots say up to *last*.

    Raises:
        MalformedError: its first slot does not say when; code ``bad_slot``.
    """
    said = (
        (slot, StoredAssignment(process, slot, record).fields)
        for slot, record in log.read_range(process, 0, last)
    )
    _, spawn = next(said)
    at_ms = spawn.get("at")
    if not isinstance(at_ms, int):
        raise MalformedError("slot 0 says no time", code="bad_slot")
    return at_ms, said


def _difference(stored: Mapping[Path, bytes], replayed: Mapping[Path, bytes]) -> Path:
    paths = sorted(stored.keys() | replayed.keys())
    return next((path for path in paths if stored.get(path) != replayed.get(path)), ())
