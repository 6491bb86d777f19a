"""Which job was the last one under each unique key: rows, and none of it in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from seriatim.formats.jobs.rows import Path, unique_path

if TYPE_CHECKING:
    from seriatim.formats.jobs.job import Job


class Uniques:
    """The unique keys of one queue.

    Attributes:
        changed: rows that the slot has changed; ``None`` for one that goes.
    """

    def __init__(self, queue: str, get: Callable[[Path], bytes | None]) -> None:
        """Begin with what *get* finds."""
        self.changed: dict[Path, bytes | None] = {}
        self._queue = queue
        self._get = get

    def last(self, key: str) -> tuple[str, int] | None:
        """Return the last job under *key*, and when it was submitted; ``None`` for none."""
        path = unique_path(self._queue, key)
        raw = self.changed[path] if path in self.changed else self._get(path)
        if raw is None:
            return None
        job, submitted_ms = orjson.loads(raw)
        return job, submitted_ms

    def note(self, job: Job) -> None:
        """Have *job*, which is live from now on, be the last one under its key, if it has one."""
        unique = job.spec.get("unique")
        if unique:
            row = orjson.dumps([job.id, job.submitted_ms])
            self.changed[unique_path(self._queue, unique["key"])] = row

    def forget(self, job: Job) -> None:
        """Have *job* be the last one under its key no more, if it is."""
        unique = job.spec.get("unique")
        if unique and (self.last(unique["key"]) or ("",))[0] == job.id:
            self.changed[unique_path(self._queue, unique["key"])] = None
