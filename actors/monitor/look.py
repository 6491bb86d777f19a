"""Looking once: everything that a monitor sees, in one short read transaction of the log.

In it, rows are copied, a bounded number, and nothing is decoded: as long as it is open, pages that
it can see are not used again. The beats come from their own environment, a moment before: what a
worker runs was leased before it says so. What it has no lease of any more, it does not run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import orjson

from seriatim.actors.triggers.rows import TriggerRows
from seriatim.formats.jobs.damage import whole_rows
from seriatim.formats.jobs.head import read_head
from seriatim.formats.jobs.rows import NAMES, head_path, state_group, types_group
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import (
    MONITOR_LEASED_MAX,
    MONITOR_TRIGGERS_MAX,
    MONITOR_TYPES_MAX,
    QUEUES_MAX,
)
from seriatim.formats.monitor.beat import read_beats
from seriatim.formats.monitor.flags import FLAGS_PATH, decode_flags
from seriatim.formats.monitor.sight import QueueSight, Sight, TriggerSight
from seriatim.formats.triggers.progress import decode_progress

if TYPE_CHECKING:
    from seriatim.formats.monitor.beat import Beat
    from seriatim.store.beats import BeatStore
    from seriatim.store.tree.tree import Tree


class _QueueRows(NamedTuple):
    """What was copied of a queue: see `QueueSight`; and the jobs that are leased.

    Those are ``None`` where there are more than ``MONITOR_LEASED_MAX`` of them in all queues.
    """

    name: str
    head: bytes
    types: Sequence[tuple[str, bytes]]
    has_more_types: bool
    leased: frozenset[str] | None


class _Rows(NamedTuple):
    """What was copied; see `Sight`."""

    queues: list[_QueueRows]
    flags: bytes | None
    triggers: Sequence[bytes]
    has_run: bool


def look(tree: Tree, beats: BeatStore, now_ms: int) -> Sight:
    """Return what there is to see, at *now_ms* by the observer's wall clock.

    Raises:
        StoreError: it cannot be read, or a row is damaged.
        OverloadedError: too many others read at this moment.
    """
    heard = read_beats(beats.all())
    with tree.snapshot() as snapshot:
        rows = _copy(snapshot)
    with whole_rows("flags and triggers"):
        triggers, flags = _triggers(rows), decode_flags(rows.flags)
    queues = [_queue(each) for each in rows.queues]
    leased = {each.name: each.leased for each in rows.queues}
    held = [_held(beat, leased.get(beat.status.queue, ())) for beat in heard]
    return Sight(now_ms, queues, triggers, flags, held)


def _held(beat: Beat, leased: Collection[str] | None) -> Beat:
    """Return *beat* without the jobs that are not *leased*; ``None`` where that is not known."""
    status = beat.status
    if leased is None or not status.running:
        return beat
    running = [each for each in status.running if each.id in leased]
    return beat._replace(status=status._replace(running=running))


def _copy(tree: Tree) -> _Rows:
    names = tree.list(NAMES, limit=QUEUES_MAX)
    flags, *heads = tree.get_all([FLAGS_PATH, *map(head_path, names)])
    queues = []
    left, leased_left = MONITOR_TYPES_MAX, MONITOR_LEASED_MAX
    for name, head in zip(names, heads, strict=True):
        if head is None:
            continue  # never: it is written with its name
        types = tree.values(types_group(name), limit=left + 1)
        leased = tree.list(state_group(name, JobState.LEASED), limit=leased_left + 1)
        known = frozenset(leased) if len(leased) <= leased_left else None
        queues.append(_QueueRows(name, head, types[:left], len(types) > left, known))
        left = max(left - len(types), 0)
        leased_left = max(leased_left - len(leased), 0)
    triggers, has_run = TriggerRows(tree).glance(MONITOR_TRIGGERS_MAX + 1)
    return _Rows(queues, flags, triggers, has_run)


def _queue(rows: _QueueRows) -> QueueSight:
    head = read_head(rows.name, rows.head)
    with whole_rows(f"queue {rows.name}"):
        return QueueSight(
            rows.name,
            head.slot,
            head.at_ms,
            head.states,
            head.paused,
            {kind: orjson.loads(each) for kind, each in rows.types},
            rows.has_more_types,
        )


def _triggers(rows: _Rows) -> TriggerSight:
    found = [decode_progress(raw).next_ms for raw in rows.triggers[:MONITOR_TRIGGERS_MAX]]
    next_ms = min((each for each in found if each is not None), default=None)
    return TriggerSight(next_ms, rows.has_run, len(rows.triggers) > MONITOR_TRIGGERS_MAX)
