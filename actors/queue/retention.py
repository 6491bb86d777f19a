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


def forget_what_is_old(machine: QueueMachine, tree: Tree) -> None:
    """Have *machine* forget jobs of the first rows that are older than the queue keeps them."""
    fold = machine.fold
    kept_ms = fold.settings.kept_ms
    if machine.kept_until_ms > fold.at_ms:
        return
    has_forgotten = has_seen = False
    for name, value in tree.values(ended_group(fold.queue), limit=_ROWS_AT_ONCE):
        ended_ms = ended_at(name)
        if ended_ms + kept_ms > fold.at_ms:
            machine.kept_until_ms = ended_ms + kept_ms
            return
        has_seen = True
        if machine.is_full:
            return
        jobs = orjson.loads(value)
        has_forgotten |= machine.forget(name, jobs)
    if not has_forgotten:
        # All that is old is wanted by jobs that wait, or nothing has ended by now.
        pause_ms = (
            QUEUE_WANTED_PAUSE_MS if has_seen else min(max(kept_ms, 1), QUEUE_WANTED_PAUSE_MS)
        )
        machine.kept_until_ms = fold.at_ms + pause_ms
