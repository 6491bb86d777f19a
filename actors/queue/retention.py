"""Forgetting jobs that have ended long ago: some with each batch, the oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from seriatim.formats.jobs.rows import ended_at, ended_group
from seriatim.formats.limits import QUEUE_WANTED_PAUSE_MS

if TYPE_CHECKING:
    from seriatim.actors.queue.machine import QueueMachine
    from seriatim.store.tree.tree import Tree

_ROWS_AT_ONCE: Final = 16


class Retention:
    """How far one queue has looked through what has ended.

    Attributes:
        until_ms: until when there is nothing to look at.
        after: the last row that it has looked at; ``None`` before the first one.
        again_ms: when it begins anew, because somebody has still wanted what stands in rows up to
            there; ``None`` where nothing was left.
    """

    def __init__(self) -> None:
        self.until_ms = 0
        self.after: str | None = None
        self.again_ms: int | None = None

    def rest(self, until_ms: int) -> None:
        """Look at nothing until *until_ms*, or until it is time to begin anew."""
        self.until_ms = until_ms if self.again_ms is None else min(until_ms, self.again_ms)


def forget_what_is_old(machine: QueueMachine, tree: Tree) -> None:
    """Have *machine* forget jobs of the next rows that are older than the queue keeps them.

    Each look goes on behind the last one: what is wanted still holds up nothing behind it.
    """
    fold, retention = machine.fold, machine.retention
    at_ms, kept_ms = fold.at_ms, fold.settings.kept_ms
    if retention.until_ms > at_ms:
        return
    if retention.again_ms is not None and retention.again_ms <= at_ms:
        retention.after = retention.again_ms = None
    rows = tree.values(ended_group(fold.queue), after=retention.after, limit=_ROWS_AT_ONCE)
    for name, value in rows:
        old_ms = ended_at(name) + kept_ms
        if old_ms > at_ms:
            retention.rest(old_ms)
            return
        if machine.is_full:
            return
        if not machine.forget(name, orjson.loads(value)) and retention.again_ms is None:
            retention.again_ms = at_ms + QUEUE_WANTED_PAUSE_MS
        retention.after = name
    if len(rows) < _ROWS_AT_ONCE:
        # What ends from now on is young; while there is something left, it may wait for that.
        pause_ms = max(kept_ms, 1) if retention.again_ms is None else QUEUE_WANTED_PAUSE_MS
        retention.rest(at_ms + min(pause_ms, QUEUE_WANTED_PAUSE_MS))
