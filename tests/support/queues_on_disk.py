"""Queues in a tree without a node: the rows of their folds, as a writer would put them there."""

from __future__ import annotations

from typing import Any

from seriatim.formats.jobs.fold import QueueFold
from seriatim.formats.jobs.rows import name_path
from seriatim.store.tree.tree import Tree


class QueueOnDisk:
    """One queue, whose slots are written at once."""

    def __init__(self, tree: Tree, name: str = "default") -> None:
        self.fold = QueueFold(name, tree.get)
        self._tree = tree
        self.fold.begin(0, 0, 0)
        tree.change([(name_path(name), bytes(32)), *self.fold.rows()])

    def say(self, *events: dict[str, Any]) -> None:
        """Write a slot that says *events*."""
        self._tree.change(self.rows(*events))

    def rows(self, *events: dict[str, Any]) -> list[Any]:
        """Return the rows of a slot that says *events*."""
        at_ms = self.fold.at_ms + 1
        self.fold.begin(self.fold.slot + 1, at_ms, at_ms)
        for event in events:
            self.fold.apply(event)
        return list(self.fold.rows())


def submitted(job: str, kind: str = "render", **spec: Any) -> dict[str, Any]:
    """Return the event by which *job* is submitted."""
    return {"event": "submitted", "id": job, "type": kind, "spec": spec}


def granted(*jobs: str, worker: str = "w") -> dict[str, Any]:
    """Return the event by which *worker* gets *jobs*."""
    return {"event": "granted", "worker": worker, "jobs": list(jobs)}


def cancelled(job: str) -> dict[str, Any]:
    """Return the event by which *job* ends."""
    return {"event": "cancelled", "id": job, "reason": "enough"}
