"""Forgetting jobs that have ended long ago: some with each batch, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from seriatim.formats.jobs.rows import ended_at, ended_group
from seriatim.formats.limits import QUEUE_EVENTS_MAX, QUEUE_WANTED_PAUSE_MS

if TYPE_CHECKING:
    from seriatim.actors.queue.machine import QueueMachine
    from seriatim.formats.jobs.fold import QueueFold
    from seriatim.store.tree.tree import Tree

_ROWS_AT_ONCE: Final = 16


class Retention:
    """How far one queue has looked through what has ended.

    Attributes:
        until_ms: until when there is nothing to look at.
        after: the last row that it has looked at; ``None`` before the first one.
        is_at_end: whether nothing behind that is old.
        again_ms: when it begins anew, because somebody has still wanted what stands in rows up to
            there; ``None`` where nothing was left.
    """

    def __init__(self) -> None:
        self.until_ms = 0
        self.after: str | None = None
        self.is_at_end = False
        self.again_ms: int | None = None

    def rest(self, until_ms: int) -> None:
        """Look at nothing until *until_ms*, or until it is time to begin anew."""
        self.is_at_end = True
        self.until_ms = until_ms if self.again_ms is None else min(until_ms, self.again_ms)


def forget_what_is_old(machine: QueueMachine, tree: Tree) -> None:
    """Have *machine* forget jobs of the next rows that are older than the queue keeps them.

    Each look goes on behind the last one: what is wanted still holds up nothing behind it.
    """
    fold, retention = machine.fold, machine.retention
    at_ms, kept_ms = fold.at_ms, fold.settings.kept_ms
    if retention.until_ms > at_ms:
        return
    if retention.is_at_end and retention.again_ms is not None and retention.again_ms <= at_ms:
        retention.after = retention.again_ms = None
    retention.is_at_end = False
    rows = tree.values(ended_group(fold.queue), after=retention.after, limit=_ROWS_AT_ONCE)
    looked_at = 0
    for name, value in rows:
        old_ms = ended_at(name) + kept_ms
        if old_ms > at_ms:
            retention.rest(old_ms)
            return
        if machine.is_full or looked_at >= QUEUE_EVENTS_MAX:
            return
        jobs = orjson.loads(value)
        looked_at += len(jobs)  # whoever waits for this slot waits for that, too
        if not machine.forget(name, jobs) and retention.again_ms is None:
            retention.again_ms = at_ms + QUEUE_WANTED_PAUSE_MS
        retention.after = name
    if len(rows) < _ROWS_AT_ONCE:
        # What ends from now on is young; while there is something left, it may wait for that.
        pause_ms = max(kept_ms, 1) if retention.again_ms is None else QUEUE_WANTED_PAUSE_MS
        retention.rest(at_ms + min(pause_ms, QUEUE_WANTED_PAUSE_MS))


def forgotten_event(fold: QueueFold, index: str, jobs: Sequence[str]) -> dict[str, Any] | None:
    """Return the event that forgets those of *jobs* that nobody wants; ``None`` for no change.

    Args:
        fold: the queue's.
        index: the name of the row that says *jobs*.
        jobs: which have ended long ago.
    """
    found = [job for each in jobs if (job := fold.job(each)) and job.state.is_ended]
    # What was retried has ended in another slot since, and stands there.
    due = [job.id for job in found if job.ended_ms == ended_at(index)]
    left = [each for each in due if fold.is_wanted(each)]
    if due and len(left) == len(due):
        return None
    gone = [each for each in due if not fold.is_wanted(each)]
    said = {"event": "forgotten", "jobs": gone, "index": index}
    return {**said, "left": left} if left else said
